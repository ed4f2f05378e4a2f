"""The ``[release]`` section of a policy: what holds between the releases of its line."""

from __future__ import annotations

from dataclasses import dataclass

from epc_release.anonymise.document import Section

APPROVALS = ("required", "none")


@dataclass(frozen=True)
class ReleaseRules:
    """``min_interval_days``: between the cut-offs of two releases (0: as often as one likes).

    ``min_removed``: fewer records that leave a table together are told to the release manager, for
    whoever holds both releases sees what became of these few. ``approval`` is ``required`` where a
    build asks that somebody approved exactly this policy.
    """

    min_interval_days: int = 0
    min_removed: int = 10
    approval: str = "none"  # or "required"


def read_release_rules(section: Section) -> ReleaseRules:
    """The rules, each with its default where it is not given. Raises E141."""
    default = ReleaseRules()
    rules = ReleaseRules(
        min_interval_days=_count(section, "min_interval_days", default.min_interval_days),
        min_removed=_count(section, "min_removed", default.min_removed),
        approval=section.text("approval", APPROVALS) if "approval" in section else default.approval,
    )
    section.done()
    return rules


def _count(section: Section, key: str, default: int) -> int:
    if key not in section:
        return default
    value = section.number(key)
    if not isinstance(value, int) or value < 0:
        section.wrong(key, f"{key} must be a whole number from 0 on")
    return value
