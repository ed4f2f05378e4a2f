"""Which published releases a new one has changes since."""

from __future__ import annotations

from datetime import datetime

from epc_release.release.config import Settings
from epc_release.release.gates.baseline import LATEST_NAME, NONE_NAME
from epc_release.release.publish.pointers import CURRENT, RELEASES, SUPERSEDED, parse
from epc_release.release.publish.target import open_store

KEPT = (CURRENT, SUPERSEDED)


def earlier_places(settings: Settings, release: str, cutoff: datetime) -> list[str]:
    """Folders or URIs of them, the newest first, at most ``settings.changes``.

    The release that ``--previous`` names, or those that stand at ``--to`` with an earlier cut-off:
    then a build that is repeated after it was published finds the same ones again.
    """
    if settings.changes == 0 or settings.previous == NONE_NAME:
        return []
    if settings.previous not in (None, LATEST_NAME):
        return [settings.previous]
    found = open_store(settings.to).read(RELEASES) if settings.to else None
    if settings.to is None or found is None:
        return []
    before = [
        str(entry["id"])
        for entry in parse(*found, settings.to).entries
        if entry["status"] in KEPT
        and entry["id"] != release
        and datetime.fromisoformat(entry["cutoff"]) < cutoff
    ]
    return [f"{settings.to.rstrip('/')}/{each}" for each in before[: settings.changes]]
