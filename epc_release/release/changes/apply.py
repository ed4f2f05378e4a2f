"""An old release and changes, in a chain, made into the tables of the new release.

Nothing is trusted: the old partitions are compared with what the changes begin from, every list
with its hash, and every partition that is made with the new release's ``content_sha256``. What is
written appears whole or not at all, and describes itself so that the next changes follow on it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.manifests.changes import (
    CHANGED,
    GONE,
    REPLACED,
    TableChange,
    described,
)
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import partition_value
from epc_release.release.changes.folder import write_tables
from epc_release.release.changes.patch import PatchTask, patch
from epc_release.release.changes.records import OLD_PARTITION, OLD_ROW
from epc_release.release.changes.sides import Side, open_side
from epc_release.release.changes.source import Source, open_source
from epc_release.release.disk import flush_folder
from epc_release.release.execute import Executor
from epc_release.release.progress import Progress
from epc_release.release.told import Told


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


@dataclass(frozen=True)
class _Line:
    """Where a chain stands: the release, and of each table its shape and files.

    ``places`` has the local file of each part that was made; the others are the old release's.
    """

    release: str
    created: str
    tables: Mapping[str, DescribedTable]
    places: Mapping[str, Path]


def apply(
    old: str, changes: Sequence[str], out: Path, executor: Executor, progress: Progress
) -> Applied:
    """Make the last release of the chain of the release ``old``, in the new folder ``out``.

    Raises E740 to E744, and what reading the old release raises.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError("E744", folder=out)
    size = 0
    with _workplace(out) as work:
        side = open_side(old, work / "old")
        line = _Line(side.told.release, side.told.created, side.told.tables, {})
        for number, place in enumerate(changes):
            source = open_source(place, line.release)
            check_base(source, side.told, line)
            folder = work / f"step-{number}"
            size += source.fetch(folder / "changes", progress)
            line = _Step(side, source, folder, executor, progress).run(line)
        kept = _take_over(side, line, work / "made", progress)
        tables = tuple(line.tables.values())
        write_tables(work / "made", side.told, line.release, line.created, tables)
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


def check_base(source: Source, told: Told, line: _Line) -> None:
    """Raise E740 where the changes do not begin with what is there."""
    changes = source.changes
    if (changes.register, changes.policy) != (told.register, told.policy):
        raise _other_base(
            source,
            f"register {changes.register} under policy {changes.policy}",
            f"register {told.register} under policy {told.policy}",
        )
    if changes.old[0] != line.release:
        raise _other_base(source, f"release {changes.old[0]}", f"release {line.release}")
    for name, table in line.tables.items():
        found = {partition_value(file.path): file for file in table.files}
        listed = next((each for each in changes.tables if each.name == name), None)
        before = {p.value: p.before for p in listed.partitions if p.before} if listed else {}
        for value in {*found, *before}:
            here, there = found.get(value), before.get(value)
            if not here or not there or here.content_sha256 != there.content_sha256:
                where = f", of which {name}, partition {value or '(missing)'}, has other content"
                raise _other_base(
                    source, f"release {changes.old[0]}", f"release {line.release}", where
                )


def _other_base(source: Source, expected: str, found: str, where: str = "") -> ReleaseError:
    return ReleaseError("E740", changes=source.place, expected=expected, found=found, where=where)


def _take_over(side: Side, line: _Line, made: Path, progress: Progress) -> int:
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


class _Step:
    """One link of the chain."""

    def __init__(
        self, side: Side, source: Source, folder: Path, executor: Executor, progress: Progress
    ) -> None:
        self._side, self._source, self._folder = side, source, folder
        self._executor, self._progress = executor, progress

    def run(self, line: _Line) -> _Line:
        """Where the chain stands then."""
        changes = self._source.changes
        tables: dict[str, DescribedTable] = {}
        places = dict(line.places)
        for table in changes.tables:
            if table.status == REPLACED:
                raise ReleaseError(
                    "E742", changes=self._source.place, table=table.name, why=table.why
                )
            before = line.tables.get(table.name)
            files = {partition_value(f.path): f for f in before.files} if before else {}
            if table.status != GONE:
                made = self._table(table, files, places) if table.status == CHANGED else {}
                after = [p for p in table.partitions if p.after]
                parts = tuple(made.get(p.value) or files[p.value] for p in after)
                tables[table.name] = described(table.name, table.shape, parts)
        used = {file.path for table in tables.values() for file in table.files}
        return replace(
            line,
            release=changes.new[0],
            created=changes.new[1],
            tables=tables,
            places={path: place for path, place in places.items() if path in used},
        )

    def _table(
        self, table: TableChange, files: Mapping[str | None, FileFacts], places: dict[str, Path]
    ) -> dict[str | None, FileFacts]:
        """The new parts of the partitions that changed."""
        come = tuple(self._source.local(f) for f in table.records if f.path.endswith(".parquet"))
        gone = self._gone(table, come)
        shape, first, tasks = described(table.name, table.shape, ()), 0, []
        parts = [files[p.value] for p in table.partitions if not p.same and p.value in files]
        self._side.fetch([part for part in parts if part.path not in places], self._progress)
        for partition in table.partitions:
            rows = sum(n for kind, n in partition.counts.items() if kind != "removed")
            if partition.after and not partition.same:
                task = PatchTask(
                    changes=self._source.place,
                    release=self._source.changes.new[0],
                    table=shape,
                    value=partition.value,
                    old=self._local(files.get(partition.value), places),
                    gone=gone,
                    come=come,
                    first=first,
                    rows=rows,
                    after=partition.after,
                    sorted_by=table.sorted_by,
                    root=self._folder / "made",
                )
                tasks.append(task)
            first += rows
        made: dict[str | None, FileFacts] = {}
        with self._progress.stage(f"apply {table.name}", len(tasks), "partitions") as tell:
            for task, facts in self._executor.run(patch, tasks):
                made[task.value] = facts
                tell(1)
        places.update({f.path: self._folder / "made" / f.path for f in made.values()})
        return made

    def _local(self, part: FileFacts | None, places: Mapping[str, Path]) -> Path | None:
        if part is None:
            return None
        return places[part.path] if part.path in places else self._side.local(part)

    def _gone(self, table: TableChange, come: Sequence[Path]) -> Path:
        """Rows that leave their place in an old file: removed, changed or moved ones."""
        names = (OLD_PARTITION, OLD_ROW)
        lists = [self._source.local(f) for f in table.removed if f.path.endswith(".parquet")]
        parts = [pl.read_parquet(f, columns=list(names)) for f in (*lists, *come)]
        rows = (
            pl.concat(parts)
            if parts
            else pl.DataFrame(schema={OLD_PARTITION: pl.String, OLD_ROW: pl.Int64})
        )
        path = self._folder / f"{table.name}.gone"
        rows.drop_nulls(OLD_ROW).write_ipc(path)
        return path
