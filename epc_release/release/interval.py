"""The interval of a release line: how soon after another release the policy allows one.

Each release of a line that suppresses is a look at the register from a little further on, so that
two of them tell more than either; few a year keep that small (disclosure control, "Two policies").
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from epc_release.errors import ReleaseError
from epc_release.release.earlier import line_releases
from epc_release.release.prepare import Prepared


def check_interval(prepared: Prepared) -> dict[str, Any] | None:
    """What is overridden where the release manager says so, for the log; None where nothing is.

    Days are those between the dates of two cut-offs where the register is kept. A partial or
    synthetic release is nobody's look at the register, and one of the same cut-off is the same look
    again. Raises E416 where the policy's interval is not over and not overridden.
    """
    least = prepared.policy.release.min_interval_days
    settings = prepared.settings
    if not least or prepared.synthetic or settings.limit is not None:
        return None
    others = [
        (abs(_days(prepared, each.cutoff)), each.release)
        for each in line_releases(prepared)
        if not each.report.get("synthetic") and each.cutoff != prepared.cutoff
    ]
    days, release = min(others, default=(least, ""))
    if days >= least:
        return None
    if settings.override_interval:
        told = {"other": release, "days": days, "min_interval_days": least}
        return {**told, "reason": settings.reason}
    raise ReleaseError(
        "E416",
        policy=prepared.policy.name,
        release=release,
        days=days,
        least=least,
        first=_first(prepared, least),
    )


def _days(prepared: Prepared, other: datetime) -> int:
    zone = ZoneInfo(prepared.register.timezone)
    return (prepared.cutoff.astimezone(zone).date() - other.astimezone(zone).date()).days


def _first(prepared: Prepared, least: int) -> str:
    """The first date on which no release that the state knows stands in the way."""
    zone = ZoneInfo(prepared.register.timezone)
    newest = max(
        each.cutoff for each in line_releases(prepared) if not each.report.get("synthetic")
    )
    return (newest.astimezone(zone).date() + timedelta(days=least)).isoformat()
