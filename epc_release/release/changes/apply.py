"""An old release and changes, in a chain, made into the tables of the new release.

Nothing is trusted: the old partitions are compared with what the changes begin from, every list
with its hash, and every partition that is made with the new release's ``content_sha256``. What is
written appears whole or not at all, and describes itself so that the next changes follow on it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.described import DescribedTable
from epc_release.release.changes.chain import Line, Step, check_base
from epc_release.release.changes.folder import write_tables
from epc_release.release.changes.sides import Side, open_side
from epc_release.release.changes.source import open_source
from epc_release.release.disk import flush_folder
from epc_release.release.execute import Executor
from epc_release.release.progress import Progress


@dataclass(frozen=True)
class Applied:
    """What was made: the release that it equals, partitions made anew and taken over, and the bytes
    of the changes that were read."""

    release: str
    folder: Path
    made: int
    kept: int
    bytes: int

    def __str__(self) -> str:
        return (
            f"{self.folder} has the tables of release {self.release}: {self.made:,} partitions made"
            f" of {self.bytes:,} bytes of changes, {self.kept:,} as they were"
        )


def apply(
    old: str,
    changes: Sequence[str],
    out: Path,
    executor: Executor,
    progress: Progress,
    *,
    some: bool = False,
) -> Applied:
    """Make the last release of the chain of the release ``old``, in the new folder ``out``.

    ``some``: of those partitions alone that are held. Raises E740 to E744 and E754, and what
    reading the old release raises.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError("E744", folder=out)
    size = 0
    with _workplace(out) as work:
        side = open_side(old, work / "old")
        tables = _held(side, some=some)
        line = Line(side.told.release, side.told.created, tables, {}, some)
        for number, place in enumerate(changes):
            source = open_source(place, line.release)
            check_base(source, side.told, line)
            folder = work / f"step-{number}"
            wanted = {t.name for t in source.changes.tables if line.followed(t)}
            size += source.fetch(folder / "changes", wanted, progress)
            line = Step(side, source, folder, executor, progress).run(line)
        kept = _take_over(side, line, work / "made", progress)
        made = tuple(table for table in line.tables.values() if table.files)
        write_tables(work / "made", side.told, line.release, line.created, made)
        if out.is_dir():
            out.rmdir()
        (work / "made").rename(out)
        flush_folder(out.parent)
    return Applied(line.release, out, len(line.places), kept, size)


@contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """A private folder beside ``out``, gone afterwards."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _held(side: Side, *, some: bool) -> dict[str, DescribedTable]:
    """The tables, of which those partitions alone that are there if only ``some`` are asked for.

    Raises E754 where one is missing and all are asked for, or none is there.
    """
    found: dict[str, DescribedTable] = {}
    for table in side.told.described.tables:
        files = tuple(file for file in table.files if side.has(file))
        if len(files) < len(table.files) and not some:
            missing = next(file.path for file in table.files if file not in files)
            raise ReleaseError("E754", old=side.told.place, path=missing)
        if files:
            rows = sum(file.rows or 0 for file in files)
            found[table.name] = replace(table, files=files, rows=rows)
    if not found:
        raise ReleaseError("E754", old=side.told.place, path="any partition")
    return found


def _take_over(side: Side, line: Line, made: Path, progress: Progress) -> int:
    """Put every part of the tables into ``made``; how many were the old release's."""
    made.mkdir(mode=0o755)
    parts = [file for table in line.tables.values() for file in table.files]
    same = [part for part in parts if part.path not in line.places]
    side.fetch(same, progress)
    for part in parts:
        target = made / part.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if part.path in line.places:
            line.places[part.path].rename(target)
        else:
            shutil.copyfile(side.local(part), target)
    return len(same)
