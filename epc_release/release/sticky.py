"""Suppression that stays: what a release of the line took away, the next ones take away too.

A cell that came back would tell two releases apart exactly where a class changed by a record or
two. ``<state>/<release>/suppressed/<table>.parquet`` holds the published keys of the records that
lost something, a Boolean for each such column and ``GONE`` for the record itself; records that are
not in this release stand in it as long as the line lives, for they may come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from epc_release.anonymise.keys import Keyring
from epc_release.release.earlier import Earlier
from epc_release.release.prepare import Prepared
from epc_release.release.protect import GONE
from epc_release.release.protection import Taken
from epc_release.release.settle import PLACE
from epc_release.release.spill import read_range
from epc_release.schemas.register import Register

FOLDER = "suppressed"


@dataclass(frozen=True)
class Sticky:
    """By table the file of the newest release before this one; ``release`` is its id.

    ``comparable`` is False where its pseudonyms were made with another key: its records cannot be
    known again, and suppression begins anew.
    """

    release: str | None = None
    comparable: bool = True
    files: Mapping[str, Path] | None = None

    @property
    def rekeyed(self) -> str | None:
        """The release before this one, where its pseudonyms were made with another key."""
        return None if self.comparable else self.release

    def told(self) -> dict[str, Any]:
        """For the private report."""
        return {"release": self.release, "comparable": self.comparable}


def read_sticky(prepared: Prepared, before: Earlier | None) -> Sticky:
    """What ``before``, the newest whole release of the line with an earlier cut-off, took away.

    Raises E413 where the state no longer has it.
    """
    if before is None:
        return Sticky()
    now = key_id(prepared)
    if before.report.get("key_id", now) != now:
        return Sticky(before.release, comparable=False)
    if not before.report.get("suppressed"):
        return Sticky(before.release)
    files = {
        table: before.kept(FOLDER, f"{table}.parquet") for table in before.report["suppressed"]
    }
    return Sticky(before.release, files=files)


def key_id(prepared: Prepared) -> str | None:
    """The id of the key of the pseudonyms, where the policy needs one."""
    return Keyring.from_environment().key_id if prepared.policy.needs_key else None


def keep_taken(
    register: Register, sticky: Sticky, taken: Mapping[str, Taken], folder: Path
) -> list[str]:
    """Write what this release took away, and what earlier ones did of records not in it, under
    ``folder``; the tables that have such a file."""
    kept = []
    for table in register.tables:
        parts = (
            [read_range(file) for file in taken[table.name].files] if table.name in taken else []
        )
        if sticky.files and table.name in sticky.files:
            parts.append(pl.read_parquet(sticky.files[table.name]))
        if not parts or table.parent:
            continue
        key = list(table.key)
        whole = pl.concat(parts, how="diagonal_relaxed")
        flags = sorted(set(whole.columns) - {*key, *PLACE, GONE})
        merged = whole.group_by(key).agg(pl.col(*flags, GONE).fill_null(False).any()).sort(key)
        for part in (folder, folder / FOLDER):
            part.mkdir(mode=0o700, exist_ok=True)
        file = folder / FOLDER / f"{table.name}.parquet"
        merged.write_parquet(file)
        file.chmod(0o600)
        kept.append(table.name)
    return kept
