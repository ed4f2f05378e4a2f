"""What was withdrawn does not come back: a release is looked into before it is published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.reader import Reader
from epc_release.release.config import Settings
from epc_release.release.standing import anything_withdrawn, withdrawn
from epc_release.release.told import Told, open_told
from epc_release.release.withdraw.search import Found, search
from epc_release.release.withdraw.sought import read_sought


def check_standing(folder: Path, settings: Settings) -> None:
    """Raises E461 where a release that is to be published holds a record of the standing list."""
    if not anything_withdrawn(settings.state):
        return
    found = withdrawn_from(*open_told(folder), settings)
    if found.affected:
        tables = ", ".join((*found.rows, *found.unknown))
        raise ReleaseError("E461", release=folder, tables=tables)


def withdrawn_from(reader: Reader, told: Told, settings: Settings) -> Found:
    """What a release holds of the records on the standing list."""
    if not withdrawn(settings.state, told.register):
        return Found()
    settings = replace(settings, register=told.register)
    return search(reader, told, read_sought(settings, datetime.now(UTC), told.policy, listed=False))
