"""What the state holds longer than it is needed, by kind and age; and deleting it.

Ledgers, audits, reports, approvals and the operations log are never among it. What releases left
for the next one goes by need first: the next build of a line reads its newest whole release, a
build of that one again the newest with an earlier cut-off; both stay whatever their age.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.differ import PRINTS
from epc_release.release.disk import held
from epc_release.release.earlier import Earlier
from epc_release.release.gates.history import REPORT
from epc_release.release.optouts import EVENTS
from epc_release.release.resume import PREFIX
from epc_release.release.sticky import FOLDER as SUPPRESSED
from epc_release.release.workspace import work_base

_DAY = 24 * 60 * 60  # seconds
_QUARANTINES = ("quarantine", "stopped")
_PRIVATE = "private"  # what the leak test searches for
_FOR_THE_NEXT = (SUPPRESSED, PRINTS, EVENTS)


@dataclass(frozen=True)
class Doomed:
    """A file or folder to delete: of which kind, and how many whole days old its newest file is."""

    kind: str
    path: Path
    days: int


def public_releases(place: str | None) -> frozenset[str]:
    """The ids of releases whose files are there at a place; none where there is no place."""
    from epc_release.release.publish.moves import read_index
    from epc_release.release.publish.target import open_store

    if place is None:
        return frozenset()
    try:
        return frozenset(entry["id"] for entry in read_index(open_store(place)).there)
    except ReleaseError as error:
        if error.problem.code == "E444":
            return frozenset()
        raise


def find(settings: Settings, public: Collection[str], now: datetime) -> tuple[Doomed, ...]:
    """Everything that is older than its kind is kept and that nothing needs."""
    keep, found = settings.retention, list[Doomed]()
    needed = {each.folder for each in needed_releases(settings.state)}
    for folder in sorted(path for path in settings.state.glob("*") if path.is_dir()):
        for name in _QUARANTINES:
            found += _old("quarantine", folder / name, keep.quarantine, now)
        if folder in needed or not (folder / REPORT).is_file():
            continue
        for name in _FOR_THE_NEXT:
            found += _old("line", folder / name, keep.line, now)
        if folder.name not in public:
            found += _old("line", folder / _PRIVATE, keep.line, now)
    for lock in sorted(work_base(settings).glob(f"{PREFIX}*.lock")):
        found += _old("work", lock, keep.work, now)
    return tuple(found)


def needed_releases(state: Path) -> tuple[Earlier, ...]:
    """Of every line the newest whole release, and the newest with an earlier cut-off."""
    lines: dict[tuple[object, object], list[Earlier]] = {}
    for path in state.glob(f"*/{REPORT}"):
        report = json.loads(path.read_text(encoding="utf-8"))
        if not report.get("partial"):
            line = (report.get("register"), report.get("policy"))
            lines.setdefault(line, []).append(Earlier(path.parent, report))
    found = []
    for releases in lines.values():
        newest = max(releases, key=_order)
        found.append(newest)
        before = [each for each in releases if each.cutoff < newest.cutoff]
        if before:
            found.append(max(before, key=_order))
    return tuple(found)


def remove(doomed: Collection[Doomed]) -> None:
    """Delete what was found; a work folder only where no process holds it."""
    for each in doomed:
        if each.kind == "work":
            with suppress(FileNotFoundError, PermissionError), held(each.path) as abandoned:
                if abandoned:
                    shutil.rmtree(each.path.with_suffix(""), ignore_errors=True)
                    each.path.unlink(missing_ok=True)
        elif each.path.is_dir():
            shutil.rmtree(each.path)
        else:
            each.path.unlink(missing_ok=True)


def _order(each: Earlier) -> tuple[datetime, str]:
    return each.cutoff, each.release


def _old(kind: str, path: Path, days: int, now: datetime) -> Iterator[Doomed]:
    if not path.exists():
        return
    inside = path.with_suffix("") if kind == "work" else path
    files = [found for found in (path, *inside.rglob("*")) if not found.is_dir()] or [path]
    age = int((now.timestamp() - max(found.lstat().st_mtime for found in files)) // _DAY)
    if age >= days:
        yield Doomed(kind, path, age)
