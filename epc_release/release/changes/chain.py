"""One link of a chain: where it begins, what is followed of it, and where it ends.

Partitions do not depend on each other: whoever holds some of them follows these alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.manifests.changes import (
    CHANGED,
    GONE,
    REPLACED,
    PartitionChange,
    TableChange,
    described,
)
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.release.changes.patch import PatchTask, patch
from epc_release.release.changes.records import OLD_PARTITION, OLD_ROW, REMOVED
from epc_release.release.changes.sides import Side
from epc_release.release.changes.source import Source
from epc_release.release.execute import Executor
from epc_release.release.progress import Progress
from epc_release.release.told import Told, parts_of


@dataclass(frozen=True)
class Line:
    """Where a chain stands: the release, and of each table its shape and files.

    ``places`` has the local file of each part that was made; the others are the old release's.
    ``some``: only partitions that are held are followed.
    """

    release: str
    created: str
    tables: Mapping[str, DescribedTable]
    places: Mapping[str, Path]
    some: bool = False

    def held(self, table: str) -> dict[str | None, FileFacts]:
        """The parts of a table that are held."""
        return parts_of(self.tables.get(table))

    def followed(self, table: TableChange) -> list[PartitionChange]:
        """The partitions that are followed; a new one where all others of its table are held."""
        held = self.held(table.name)
        before = {each.value for each in table.partitions if each.before}
        if not self.some or (held and before <= {*held}):
            return [*table.partitions]
        return [each for each in table.partitions if each.value in held]


def check_base(source: Source, told: Told, line: Line) -> None:
    """Raise E740 where the changes do not begin with what is there."""
    changes = source.changes
    ours, theirs = (f"register {s.register} under policy {s.policy}" for s in (told, changes))
    if ours != theirs:
        raise _other_base(source, theirs, ours)
    there, here = f"release {changes.old[0]}", f"release {line.release}"
    if there != here:
        raise _other_base(source, there, here)
    listed = {table.name: table for table in changes.tables}
    for name in dict.fromkeys((*line.tables, *listed)):
        held = line.held(name)
        partitions = line.followed(listed[name]) if name in listed else []
        before = {each.value: each.before for each in partitions if each.before}
        for value in {*held, *before}:
            one, other = held.get(value), before.get(value)
            if not one or not other or one.content_sha256 != other.content_sha256:
                where = f", of which {name}, partition {value or '(missing)'}, has other content"
                raise _other_base(source, there, here, where)


def _other_base(source: Source, expected: str, found: str, where: str = "") -> ReleaseError:
    return ReleaseError("E740", changes=source.place, expected=expected, found=found, where=where)


class Step:
    """One link of the chain."""

    def __init__(
        self, side: Side, source: Source, folder: Path, executor: Executor, progress: Progress
    ) -> None:
        self._side, self._source, self._folder = side, source, folder
        self._executor, self._progress = executor, progress

    def run(self, line: Line) -> Line:
        """Where the chain stands then."""
        changes = self._source.changes
        tables: dict[str, DescribedTable] = {}
        places = dict(line.places)
        for table in changes.tables:
            followed = line.followed(table)
            if not followed or table.status == GONE:
                continue
            if table.status == REPLACED:
                raise ReleaseError(
                    "E742", changes=self._source.place, table=table.name, why=table.why
                )
            files = line.held(table.name)
            if table.status == CHANGED:
                files = {**files, **self._table(table, followed, files, places)}
            parts = tuple(files[each.value] for each in followed if each.after)
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
        self,
        table: TableChange,
        followed: Sequence[PartitionChange],
        files: Mapping[str | None, FileFacts],
        places: dict[str, Path],
    ) -> dict[str | None, FileFacts]:
        """The new parts of the partitions that changed."""
        come = tuple(self._source.local(f) for f in table.records if f.path.endswith(".parquet"))
        gone = self._gone(table, come)
        shape, first, tasks = described(table.name, table.shape, ()), 0, []
        parts = [files[p.value] for p in followed if not p.same and p.value in files]
        self._side.fetch([part for part in parts if part.path not in places], self._progress)
        for partition in table.partitions:
            rows = sum(n for kind, n in partition.counts.items() if kind != REMOVED)
            if partition in followed and partition.after and not partition.same:
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
