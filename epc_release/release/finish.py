"""Finish: a group of neighbouring partitions, from their spills to files of the release.

Grain: one row per record that is published. Conserves rows: what the spills hold of these
partitions, less what was dropped when keys were settled, is what the files hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa

from epc_release.errors import ReleaseError
from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import UNKNOWN_YEAR, part_path, year_label
from epc_release.release import quarantine
from epc_release.release.context import Context, TablePlan, load_context
from epc_release.release.presence import Presence, presence
from epc_release.release.records import FIRST_REJECTED, REJECTED
from epc_release.release.settle import NO_PARTITION, YEAR, Piece
from epc_release.release.spill import concat, read_range
from epc_release.release.write.fragments import (
    BLOCK_ROWS,
    PartitionCsv,
    Run,
    compress_partitions,
)
from epc_release.release.write.parquet import ROW_GROUP_ROWS, Part, open_part, to_arrow
from epc_release.schemas.checks import compile_checks


@dataclass(frozen=True)
class FinishTask:
    """One group: its partitions' labels in order, and where their rows, issues and drops stand."""

    context: Path
    number: int
    table: str
    labels: tuple[str | None, ...]
    data: tuple[Piece, ...]
    issues: tuple[Piece, ...]
    drops: tuple[Path, ...]


@dataclass(frozen=True)
class Finished:
    """Files of one group.

    ``issues`` counts published cells by (partition, column position, code position); ``presence``
    tells of each column how many cells are missing and which year has the first value.
    """

    number: int
    table: str
    rows: int
    parts: tuple[FileFacts, ...]
    csv: tuple[PartitionCsv, ...]
    issues: dict[tuple[str | None, int, int], int]
    presence: dict[str, Presence]


def finish(task: FinishTask) -> Finished:
    """Run one group."""
    context = load_context(task.context)
    plan = context.plan(task.table)
    rows = concat([piece.read() for piece in task.data])
    issues = concat([piece.read() for piece in task.issues]) if task.issues else None
    if task.drops:
        rows, issues = _drop(context, task, plan, rows, issues)
    _validate(plan, rows)
    label = plan.partition or NO_PARTITION
    order = _order(plan, rows, label)
    runs = _runs(plan, rows, label, order)
    store = context.folder("fragments") / f"{task.number}.deflate"
    csv: list[PartitionCsv] = []
    parts: list[FileFacts] = []
    target = arrow_schema(plan.written)
    with store.open("wb") as sink:
        for group in _neighbours(runs):
            made, facts = _write(context, plan, target, group, _blocks(rows, order, group), sink)
            csv += made
            parts += facts
    return Finished(
        number=task.number,
        table=task.table,
        rows=len(rows),
        parts=tuple(parts),
        csv=tuple(csv),
        issues=_count(issues, label),
        presence=presence(rows, order, plan.written.names, runs),
    )


def _order(plan: TablePlan, rows: pl.DataFrame, label: str) -> pl.Series:
    """Positions of the rows by partition (missing last, as partitions are listed), then by the
    published sort columns (missing first)."""
    names = dict.fromkeys((label, *((YEAR,) if plan.table.parent else ()), *plan.sort))
    keys = [pl.col(name).cast(_sortable(rows, name)) for name in names]
    last = [name == label for name in names]
    return rows.select(pl.arg_sort_by(keys, nulls_last=last)).to_series()


def _blocks(rows: pl.DataFrame, order: pl.Series, runs: Sequence[Run]) -> Iterator[pl.DataFrame]:
    """The sorted rows of ``runs``, a row group at a time: never are all there a second time."""
    stop = runs[-1].stop
    for at in range(runs[0].start, stop, ROW_GROUP_ROWS):
        yield rows[order.slice(at, min(ROW_GROUP_ROWS, stop - at))]


def _runs(plan: TablePlan, rows: pl.DataFrame, label: str, order: pl.Series) -> list[Run]:
    """One for each year of each partition, in the order of the sorted rows."""
    if plan.table.parent:
        years = rows[YEAR].cast(pl.String).fill_null(UNKNOWN_YEAR)
    elif plan.year is not None:
        years = rows.select(year_label(plan.year, rows.schema[plan.year])).to_series()
    else:
        years = pl.Series([UNKNOWN_YEAR]).new_from_index(0, len(rows))
    places = pl.DataFrame({"value": rows[label].cast(pl.String), "year": years})[order]
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
    """The blocks, each a row group of the part before it goes on."""
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


def _drop(
    context: Context,
    task: FinishTask,
    plan: TablePlan,
    rows: pl.DataFrame,
    issues: pl.DataFrame | None,
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Leave out what settling dropped; of it what is rejected goes to quarantine, as it would have
    been published."""
    drops = concat([read_range(path) for path in task.drops])
    place = ["__chunk", "__row"]
    dropped = rows.join(drops, on=place).filter(pl.col("__decision") >= FIRST_REJECTED)
    codes = pl.Series(REJECTED, dtype=pl.String)
    dropped = dropped.with_columns(__code=codes.gather(dropped["__decision"] - FIRST_REJECTED))
    quarantine.write(
        context.folder("quarantine"),
        f"finish-{task.number}",
        quarantine.of_records(task.table, dropped, plan.published),
    )
    rows = rows.join(drops, on=place, how="anti")
    return rows, issues.join(drops, on=place, how="anti") if issues is not None else None


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
