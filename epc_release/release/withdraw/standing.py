"""What was withdrawn does not come back: a release is looked into before it is published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.standing import withdrawn
from epc_release.release.told import open_told
from epc_release.release.withdraw.search import search
from epc_release.release.withdraw.sought import read_sought


def check_standing(folder: Path, settings: Settings) -> None:
    """Raises E461 where a release that is to be published holds a record of the standing list."""
    reader, told = open_told(folder)
    if not withdrawn(settings.state, told.register):
        return
    settings = replace(settings, register=told.register)
    sought = read_sought(settings, datetime.now(UTC), told.policy, listed=False)
    found = search(reader, told, sought)
    if found.affected:
        raise ReleaseError("E461", release=told.release, tables=", ".join(found.rows))
