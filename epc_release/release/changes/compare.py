"""Two releases compared, table by table: only partitions whose content differs are read.

Partitions are aligned each for itself; records that did not stay go through buckets of digests in
a private folder. So work and memory after the alignment follow the changes, not the records. The
lists are a function of the two releases alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_json, write_text
from epc_release.manifests.changes import (
    CHANGED,
    DOCUMENT,
    GONE,
    REPLACED,
    SAME,
    Changes,
    PartitionChange,
    State,
    TableChange,
    shape,
    to_document,
)
from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import partition_order
from epc_release.release.changes import records as lists
from epc_release.release.changes.align import Aligned, AlignTask, align
from epc_release.release.changes.digests import Left
from epc_release.release.changes.lists import ListFile, write_list
from epc_release.release.changes.pairs import Paired, PairTask, PartRange, pair
from epc_release.release.changes.sides import Side
from epc_release.release.changes.streams import Streamed, StreamTask, stream
from epc_release.release.disk import private_folder
from epc_release.release.execute import Executor
from epc_release.release.progress import Progress
from epc_release.release.spill import Range, Spill
from epc_release.release.told import parts_of

BUCKET_ROWS = 250_000  # of both sides, about
MOST_SHARE, FEW_ROWS = 0.5, 10_000


@dataclass(frozen=True)
class Comparison:
    """Where a comparison works: a private folder, an executor, and the folder of the lists."""

    old: Side
    new: Side
    work: Path
    out: Path
    executor: Executor
    progress: Progress


def compare(job: Comparison) -> tuple[Changes, FileFacts]:
    """Write the lists and ``changes.json`` into ``job.out``; paths are relative to it.

    Raises E450 where the two are not of one line.
    """
    old, new = job.old.told, job.new.told
    if (old.register, old.policy) != (new.register, new.policy):
        raise ReleaseError(
            "E450", old=old.place, problem=f"it is of register {old.register}, policy {old.policy}"
        )
    if old.release == new.release:
        raise ReleaseError("E450", old=old.place, problem=f"both are release {old.release}")
    job.out.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys((*new.tables, *old.tables))
    changes = Changes(
        register=new.register,
        policy=new.policy,
        old=(old.release, old.created),
        new=(new.release, new.created),
        tables=tuple(_table(job, old.tables.get(n), new.tables.get(n)) for n in names),
    )
    return changes, write_text(job.out, DOCUMENT, to_json(to_document(changes)))


def _table(job: Comparison, old: DescribedTable | None, new: DescribedTable | None) -> TableChange:
    table = new or old
    if table is None:
        raise ValueError("a table of neither release")
    before, after = parts_of(old), parts_of(new)
    partitions = [
        PartitionChange(value, _state(before.get(value)), _state(after.get(value)))
        for value in partition_order({*before, *after})
    ]
    found = TableChange(table.name, SAME, shape(table), tuple(partitions))
    if new is None:
        return _with(found, GONE)
    if old is not None and (why := _why_replaced(old, new)):
        return _with(found, REPLACED, why=why)
    if all(each.same for each in partitions):
        return found
    work = job.work / table.name
    private_folder(work)
    return _Table(job, old, new, tuple(partitions), work).run(found)


def _with(found: TableChange, status: str, why: str = "") -> TableChange:
    return TableChange(found.name, status, found.shape, found.partitions, why=why)


def _state(part: FileFacts | None) -> State | None:
    return State(part.path, part.rows or 0, part.content_sha256 or "") if part else None


def _why_replaced(old: DescribedTable, new: DescribedTable) -> str:
    """Why records of the two cannot be compared; empty where they can."""
    one, other = (arrow_schema(table.schema).remove_metadata() for table in (old, new))
    if one.names != other.names or one.types != other.types:
        other_names = sorted({*one.names} ^ {*other.names})
        return f"its columns are not the same: {', '.join(other_names) or 'order or types'}"
    if (old.partition, old.inherited) != (new.partition, new.inherited):
        return "its partitions follow another column"
    return ""


class _Table:
    """One table of which some partitions differ."""

    def __init__(
        self,
        job: Comparison,
        old: DescribedTable | None,
        new: DescribedTable,
        partitions: tuple[PartitionChange, ...],
        work: Path,
    ) -> None:
        self._job, self._new, self._partitions, self._work = job, new, partitions, work
        key = new.schema.primary_key
        same_key = old is None or old.schema.primary_key == key
        self._key = key if same_key else ()
        self._differ = [at for at, each in enumerate(partitions) if not each.same]
        self._old_files = self._files(job.old, parts_of(old))
        self._new_files = self._files(job.new, parts_of(new))
        rows = sum(
            side.rows
            for at in self._differ
            for side in (partitions[at].before, partitions[at].after)
            if side
        )
        self._buckets = max(1, -(-rows // BUCKET_ROWS))

    def _files(self, side: Side, parts: Mapping[str | None, FileFacts]) -> dict[int, Path]:
        """The local file of every partition that differs, by its position."""
        values = {at: self._partitions[at].value for at in self._differ}
        wanted = {at: parts[value] for at, value in values.items() if value in parts}
        side.fetch(tuple(wanted.values()), self._job.progress)
        return {at: side.local(part) for at, part in wanted.items()}

    def run(self, found: TableChange) -> TableChange:
        """All stages of the table."""
        aligned = self._align()
        paired = self._pairs(
            _by_bucket((at, each.gone) for at, each in aligned.items()),
            _by_bucket((at, each.come) for at, each in aligned.items()),
        )
        rows = sum(
            side.rows for each in self._partitions for side in (each.before, each.after) if side
        )
        if sum(each.rows for each in paired) > max(MOST_SHARE * rows, FEW_ROWS):
            return _with(found, REPLACED, why="most of its records are other ones")
        return self._lists(found, self._streams(aligned, paired))

    def _align(self) -> dict[int, Aligned]:
        """What did not stay, by position of the partition."""
        tasks = [
            AlignTask(
                at,
                self._old_files.get(at),
                self._new_files.get(at),
                self._key,
                self._buckets,
                self._work / f"partition-{at}",
            )
            for at in self._differ
        ]
        found: dict[int, Aligned] = {}
        with self._job.progress.stage(f"compare {self._new.name}", len(tasks), "files") as tell:
            for task, aligned in self._job.executor.run(align, tasks):
                found[task.position] = aligned
                tell(1)
        return found

    def _pairs(
        self, old: Mapping[int, list[PartRange]], new: Mapping[int, list[PartRange]]
    ) -> list[Paired]:
        tasks = [
            PairTask(
                tuple(old.get(bucket, ())),
                tuple(new.get(bucket, ())),
                bool(self._key),
                self._work / f"bucket-{bucket}.pairs",
            )
            for bucket in sorted({*old, *new})
        ]
        return [found for _, found in self._job.executor.run(pair, tasks)]

    def _streams(self, aligned: Mapping[int, Aligned], paired: list[Paired]) -> dict[int, Streamed]:
        gone = _by_position(each.gone for each in paired)
        come = _by_position(each.come for each in paired)
        tasks = [
            StreamTask(
                at,
                _records(each.gone),
                _records(each.come),
                tuple(gone.get(at, ())),
                tuple(come.get(at, ())),
                each.moved,
                self._work / f"partition-{at}.rows",
            )
            for at, each in aligned.items()
        ]
        return {done.position: done for _, done in self._job.executor.run(stream, tasks)}

    def _lists(self, found: TableChange, streamed: Mapping[int, Streamed]) -> TableChange:
        """Write both lists; the table with what was counted in them."""
        values = [each.value for each in self._partitions]
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        columns: Counter[str] = Counter()
        names, schema = self._new.schema.names, lists.records_schema(self._new.schema)

        def counted() -> Iterator[pl.DataFrame]:
            for at, rows in lists.records(streamed, values, names):
                kinds = pl.DataFrame({"at": at, "kind": rows[lists.KIND]})
                for position, kind, count in kinds.group_by("at", "kind").len().iter_rows():
                    counts[position][kind] += count
                for told, count in rows[lists.COLUMNS].drop_nulls().value_counts().iter_rows():
                    columns.update(dict.fromkeys(told.split(" "), count))
                yield rows

        def gone() -> Iterator[pl.DataFrame]:
            for at, rows in lists.removed(streamed, values):
                counts[at][lists.REMOVED] += rows.height
                yield rows

        table, out = self._new.name, self._job.out
        files = write_list(out, f"{table}/records", schema, counted())
        removed = write_list(out, f"{table}/removed", lists.removed_schema(), gone())
        partitions = tuple(
            PartitionChange(each.value, each.before, each.after, _ordered(counts[at]))
            for at, each in enumerate(self._partitions)
        )
        return TableChange(
            name=table,
            status=CHANGED,
            shape=found.shape,
            partitions=partitions,
            columns={name: columns[name] for name in names if columns[name]},
            records=_both(files),
            removed=_both(removed),
            sorted_by=self._sorted_by(),
        )

    def _sorted_by(self) -> tuple[str, ...]:
        """What the new files say they are sorted by: one of them tells it of all."""
        for file in self._new_files.values():
            with pq.ParquetFile(file) as parquet:
                order = parquet.metadata.row_group(0).sorting_columns
                return tuple(self._new.schema.names[each.column_index] for each in order)
        return ()


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    kinds = (lists.ADDED, lists.CHANGED, lists.MOVED, lists.REMOVED)
    return {kind: counts[kind] for kind in kinds if counts.get(kind)}


def _both(files: tuple[ListFile, ...]) -> tuple[FileFacts, ...]:
    return (*(each.parquet for each in files), *(each.csv for each in files))


def _records(left: Left | None) -> tuple[Path, ...]:
    return left.records if left else ()


def _by_bucket(lefts: Iterable[tuple[int, Left | None]]) -> dict[int, list[PartRange]]:
    """Digests of one side, in the order of partitions."""
    found: dict[int, list[PartRange]] = defaultdict(list)
    for position, left in sorted(lefts, key=lambda each: each[0]):
        for spill in left.digests if left else ():
            for each in spill.slices:
                place = PartRange(spill.path, each.start, each.stop, position)
                found[int(each.label or 0)].append(place)
    return found


def _by_position(spills: Iterator[Spill]) -> dict[int, list[Range]]:
    found: dict[int, list[Range]] = defaultdict(list)
    for spill in spills:
        for each in spill.slices:
            found[int(each.label or 0)].append(Range(spill.path, each.start, each.stop))
    return found
