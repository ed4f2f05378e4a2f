"""Finish: a group of neighbouring partitions, from their spills to files of the release.

Grain: one row per record that is published. Conserves rows: what the spills hold of these
partitions, less what was dropped when keys were settled, is what the files hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa

from epc_release.anonymise.risk import Marginal
from epc_release.anonymise.suppression import UNIT
from epc_release.costs import spent
from epc_release.errors import ReleaseError
from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import UNKNOWN_YEAR, part_path, year_label
from epc_release.release import quarantine
from epc_release.release.cells import add_up
from epc_release.release.context import Context, TablePlan, load_context
from epc_release.release.measured import Alone, Measured, measure_again
from epc_release.release.newest import Flagged
from epc_release.release.presence import Presence, presence
from epc_release.release.protect import AT
from epc_release.release.records import DECISION, FIRST_REJECTED, REJECTED, SUPPRESSED
from epc_release.release.settle import NO_PARTITION, PLACE, YEAR, Piece
from epc_release.release.spill import concat, read_range
from epc_release.release.stars import Stars
from epc_release.release.targets import unpublished
from epc_release.release.windows import Span, Windows
from epc_release.release.write.fragments import (
    BLOCK_ROWS,
    PartitionCsv,
    Run,
    compress_partitions,
)
from epc_release.release.write.parquet import Part, open_part, to_arrow
from epc_release.schemas.checks import compile_checks


@dataclass(frozen=True)
class FinishTask:
    """One group: its partitions' labels in order, and where their rows, issues and drops stand.

    ``newest`` are the places of the latest records of their units.

    At most about ``window`` rows are held in memory (but always a block, see ``_blocks``).
    ``stars`` is what protection took away of cells, ``targets`` are the records that cells name and
    that are published; ``marginals`` are the distributions of the sensitive columns over the table,
    where it has key sets.
    """

    context: Path
    number: int
    table: str
    labels: tuple[str | None, ...]
    data: tuple[Piece, ...]
    issues: tuple[Piece, ...]
    drops: tuple[Path, ...]
    newest: tuple[Piece, ...]
    window: int
    stars: Path | None = None
    targets: Path | None = None
    marginals: Mapping[str, Marginal] | None = None


@dataclass(frozen=True)
class Finished:
    """Files of one group.

    ``issues`` counts published cells by (partition, column position, code position); ``presence``
    tells of each column how many cells are missing and which year has the first value. ``measured``
    are the key sets, where there are some; ``cells`` those of the tables beside the records, by id.
    ``unpublished`` counts by column the cells that were emptied: what they name is not published.
    """

    number: int
    table: str
    rows: int
    parts: tuple[FileFacts, ...]
    csv: tuple[PartitionCsv, ...]
    issues: dict[tuple[str | None, int, int], int]
    presence: dict[str, Presence]
    cells: dict[str, pl.DataFrame]
    measured: Measured | None = None
    unpublished: Mapping[str, int] = field(default_factory=dict)


def finish(task: FinishTask) -> Finished:
    """Run one group."""
    pa.default_memory_pool().release_unused()  # of the task before, for the allocators keep it
    context = load_context(task.context)
    plan = context.plan(task.table)
    label = plan.partition or NO_PARTITION
    keys = concat(piece.read(_key_columns(plan, label)) for piece in task.data)
    issues = concat(piece.read() for piece in task.issues) if task.issues else None
    flagged = Flagged(plan, task.newest, keys)
    nameless = unpublished(plan, keys, task.targets)
    stars = Stars.read(task.stars).also(nameless)
    keys = stars.apply(flagged.set(keys))
    order = _order(plan, keys, label)
    drops = _drops(task, keys)
    if len(drops):
        order = order.filter(~order.is_in(drops["__at"].implode()))
        issues = issues.join(drops, on=PLACE, how="anti") if issues is not None else None
    if issues is not None:
        issues = stars.without(issues, keys, plan.schema.names)
    refused = drops.filter(pl.col("__decision") >= FIRST_REJECTED)
    lost = _lost(plan, drops)
    years = _years(plan, keys)
    runs = _runs(keys[label], years, order)
    groups = list(_neighbours(runs))
    tally = _Tally(plan, years, flagged, stars)
    rows = Windows(
        task.data,
        order,
        blocks=(span for group in groups for span in _blocks(group)),
        size=task.window,
        seen=tally.add,
        beside=pl.concat([refused["__at"], lost]).sort(),
    )
    store = context.folder("fragments") / f"{task.number}.deflate"
    csv: list[PartitionCsv] = []
    parts: list[FileFacts] = []
    target = arrow_schema(plan.written)
    with store.open("wb") as sink:
        for group in groups:
            blocks = (rows.block(*span) for span in _blocks(group))
            made, facts = _write(context, plan, target, group, blocks, sink)
            csv += made
            parts += facts
    if len(refused):
        _quarantine(context, task, plan, rows.aside().join(refused, on=PLACE))
    if len(lost):
        places = keys.select(*PLACE)[lost]
        tally.suppressed(places.join(rows.aside(), on=PLACE, maintain_order="left"), lost)
    return Finished(
        number=task.number,
        table=task.table,
        rows=len(order),
        parts=tuple(parts),
        csv=tuple(csv),
        issues=_count(issues, label),
        presence=tally.presence,
        measured=_measured(context, task, plan, parts, keys, order, tally.alone.count()),
        cells=add_up(tally.cells),
        unpublished=_emptied(plan, nameless, order),
    )


def _emptied(plan: TablePlan, flags: pl.DataFrame, order: pl.Series) -> dict[str, int]:
    """By column, the ``flags`` of rows that are published."""
    mine = flags.filter(pl.col(AT).is_in(order.implode()))
    return {name: int(mine[name].sum()) for name in plan.targets}


def _lost(plan: TablePlan, drops: pl.DataFrame) -> pl.Series:
    """Positions of the rows that suppression dropped, where tables of counts ask for them."""
    gone = drops.filter(pl.col("__decision") == SUPPRESSED)["__at"]
    return gone if plan.cells.aggregates else gone.clear()


def _measured(
    context: Context,
    task: FinishTask,
    plan: TablePlan,
    parts: Sequence[FileFacts],
    keys: pl.DataFrame,
    order: pl.Series,
    alone: int,
) -> Measured | None:
    if task.marginals is None or not parts:
        return None
    units = keys[UNIT].gather(order) if plan.unit is not None else None
    return measure_again(plan, context.job.release, parts, units, task.marginals, alone)


class _Tally:
    """What is done to every row, window by window: its flag is set, its cells are looked at."""

    def __init__(self, plan: TablePlan, years: pl.Series, flagged: Flagged, stars: Stars) -> None:
        self._plan, self._years, self._flagged, self._stars = plan, years, flagged, stars
        self.presence: dict[str, Presence] = {}
        self.cells: list[dict[str, pl.DataFrame]] = []
        self.alone = Alone(plan)

    def add(self, rows: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
        """The rows as they are published."""
        rows = self._flagged.set(rows, positions)
        self.count(rows, published=False)
        rows = self._stars.apply(rows, positions)
        self.count(rows, published=True)
        _validate(self._plan, rows)
        found = presence(rows, self._years.gather(positions), self._plan.written.names)
        if self.presence:
            found = {name: self.presence[name] + one for name, one in found.items()}
        self.presence = found
        if self._plan.risk:
            self.alone.add(rows)
        return rows

    def suppressed(self, rows: pl.DataFrame, positions: pl.Series) -> None:
        """Rows that suppression dropped; protected tables count them."""
        self.count(self._flagged.set(rows, positions), published=False)

    def count(self, rows: pl.DataFrame, *, published: bool) -> None:
        """Tables that are protected are counted before suppression, others as published."""
        plan = self._plan.cells
        wanted = [a for a in plan.aggregates if published == (a.protection == "none-exact")]
        self.cells.append(plan.count(rows, wanted))


def _key_columns(plan: TablePlan, label: str) -> set[str]:
    """What the order of the rows, their years and their places depend on."""
    year = YEAR if plan.table.parent else plan.year
    unit = {UNIT} if plan.unit is not None else set()
    return {label, "__row", *plan.sort, *plan.hidden, *((year,) if year else ()), *unit}


@spent("sort")
def _order(plan: TablePlan, rows: pl.DataFrame, label: str) -> pl.Series:
    """Positions of the rows by partition (missing last, as partitions are listed), then by the
    published sort columns (missing first)."""
    names = dict.fromkeys((label, *((YEAR,) if plan.table.parent else ()), *plan.sort))
    keys = [pl.col(name).cast(_sortable(rows, name)) for name in names]
    last = [name == label for name in names]
    return rows.select(pl.arg_sort_by(keys, nulls_last=last)).to_series()


def _blocks(runs: Sequence[Run]) -> Iterator[Span]:
    """The rows of ``runs``, as many at a time as are serialised at a time."""
    stop = runs[-1].stop
    for at in range(runs[0].start, stop, BLOCK_ROWS):
        yield at, min(at + BLOCK_ROWS, stop)


def _years(plan: TablePlan, rows: pl.DataFrame) -> pl.Series:
    """The label of each row's year (String)."""
    if plan.table.parent:
        return rows[YEAR].cast(pl.String).fill_null(UNKNOWN_YEAR)
    if plan.year is not None:
        return rows.select(year_label(plan.year, rows.schema[plan.year])).to_series()
    return pl.Series([UNKNOWN_YEAR]).new_from_index(0, len(rows))


def _runs(labels: pl.Series, years: pl.Series, order: pl.Series) -> list[Run]:
    """One for each year of each partition, in the order of the sorted rows."""
    places = pl.DataFrame({"value": labels.cast(pl.String), "year": years})[order]
    found, start = [], 0
    for length, place in places.to_struct().rle().struct.unnest().iter_rows():
        found.append(Run(place["value"], place["year"], start, start + length))
        start += length
    return found


def _neighbours(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """The runs of neighbouring partitions of together at most ``BLOCK_ROWS`` rows, or of one larger
    one: small ones cost less together."""
    group: list[Run] = []
    for _, found in groupby(runs, key=lambda run: run.value):
        partition = list(found)
        if group and partition[-1].stop - group[0].start > BLOCK_ROWS:
            yield group
            group = []
        group += partition
    if group:
        yield group


def _write(
    context: Context,
    plan: TablePlan,
    target: pa.Schema,
    runs: Sequence[Run],
    blocks: Iterator[pl.DataFrame],
    sink: BinaryIO,
) -> tuple[list[PartitionCsv], list[FileFacts]]:
    """CSV fragments and Parquet parts of one group; both are made of the same blocks."""
    compress = partial(
        compress_partitions,
        names=plan.published,
        runs=runs,
        sink=sink,
        store=sink.name,
        level=context.job.compression_level,
    )
    if runs[0].value == runs[-1].value:
        with _part(context, plan, target, runs[0].value) as part:
            csv = compress(_written(part, blocks, target))
        return csv, [part.facts(csv[0].content_sha256)]
    block = next(blocks)
    csv = compress([block])
    table, start, facts = to_arrow(block, target), 0, []
    for made in csv:
        with _part(context, plan, target, made.value) as part:
            part.write(table.slice(start, made.rows))
        start += made.rows
        facts.append(part.facts(made.content_sha256))
    return csv, facts


def _written(
    part: Part, blocks: Iterable[pl.DataFrame], target: pa.Schema
) -> Iterator[pl.DataFrame]:
    """The blocks, each in the part before it goes on."""
    for block in blocks:
        part.write(to_arrow(block, target))
        yield block


def _part(
    context: Context, plan: TablePlan, target: pa.Schema, value: str | None
) -> AbstractContextManager[Part]:
    return open_part(
        context.job.release,
        part_path(plan.table.name, plan.partition, value),
        target,
        sorted_by=() if plan.table.parent else plan.sort,  # children stand by year first
    )


def _sortable(frame: pl.DataFrame, name: str) -> pl.DataType:
    """Categories sort as the text that they are."""
    dtype = frame.schema[name]
    return pl.String() if dtype == pl.Categorical else dtype


def _drops(task: FinishTask, keys: pl.DataFrame) -> pl.DataFrame:
    """What settling dropped of these rows: their positions (``__at``, ascending) and decisions."""
    if not task.drops:
        return pl.DataFrame(schema={"__at": pl.UInt32, "__decision": DECISION})
    place = keys.select(*PLACE).with_row_index("__at")
    return place.join(concat(read_range(path) for path in task.drops), on=PLACE).sort("__at")


def _quarantine(context: Context, task: FinishTask, plan: TablePlan, rows: pl.DataFrame) -> None:
    """What is rejected goes to quarantine as it would have been published."""
    codes = pl.Series(REJECTED, dtype=pl.String)
    rows = rows.with_columns(__code=codes.gather(rows["__decision"] - FIRST_REJECTED))
    quarantine.write(
        context.folder("quarantine"),
        f"finish-{task.number}",
        quarantine.of_records(task.table, rows, plan.published),
    )


@spent("validate")
def _validate(plan: TablePlan, rows: pl.DataFrame) -> None:
    """Every published value against the derived schema. Raises E304."""
    for finding in compile_checks(plan.written).run(rows.select(plan.written.names)):
        if finding.severity == "error":
            raise ReleaseError(
                "E304",
                table=plan.table.name,
                column=finding.field,
                code=finding.code,
                count=finding.count,
            )


def _count(issues: pl.DataFrame | None, label: str) -> dict[tuple[str | None, int, int], int]:
    if issues is None:
        return {}
    counted = issues.group_by(pl.col(label).cast(pl.String), "__column", "__code").len()
    return {(place, column, code): count for place, column, code, count in counted.iter_rows()}
