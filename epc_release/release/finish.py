"""Finish: a group of neighbouring partitions, from their spills to files of the release.

Grain: one row per record that is published. Conserves rows: what the spills hold of these
partitions, less what was dropped when keys were settled, is what the files hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from epc_release.release.write.parquet import ROW_GROUP_ROWS, to_arrow, write_part
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
    with store.open("wb") as sink:
        csv = compress_partitions(
            _blocks(rows, order, 0, len(rows), BLOCK_ROWS),
            plan.published,
            runs,
            sink,
            store=str(store),
            level=context.job.compression_level,
        )
    parts = tuple(_write_parts(context, plan, rows, order, csv))
    return Finished(
        number=task.number,
        table=task.table,
        rows=len(rows),
        parts=parts,
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


def _blocks(
    rows: pl.DataFrame, order: pl.Series, start: int, stop: int, size: int
) -> Iterator[pl.DataFrame]:
    """Sorted rows ``start`` to before ``stop``, at most ``size`` at a time: they are never all
    there a second time."""
    for at in range(start, stop, size):
        yield rows[order.slice(at, min(size, stop - at))]


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


def _write_parts(
    context: Context,
    plan: TablePlan,
    rows: pl.DataFrame,
    order: pl.Series,
    csv: Sequence[PartitionCsv],
) -> Iterator[FileFacts]:
    """A Parquet part for each partition; small neighbours are decoded together: it costs less."""
    target = arrow_schema(plan.written)
    start = 0
    for group in _neighbours(csv):
        stop = start + sum(part.rows for part in group)
        tables = (
            to_arrow(block, target) for block in _blocks(rows, order, start, stop, ROW_GROUP_ROWS)
        )
        if len(group) == 1:
            yield _write_part(context, plan, group[0], target, tables)
        else:
            together, at = next(tables), 0
            for part in group:
                table = together.slice(at, part.rows)
                yield _write_part(context, plan, part, target, [table])
                at += part.rows
        start = stop


def _write_part(
    context: Context,
    plan: TablePlan,
    part: PartitionCsv,
    target: pa.Schema,
    tables: Iterable[pa.Table],
) -> FileFacts:
    path = part_path(plan.table.name, plan.partition, part.value)
    return write_part(
        context.job.release,
        path,
        target,
        tables,
        sorted_by=() if plan.table.parent else plan.sort,  # children stand by year first
        content_sha256=part.content_sha256,
    )


def _neighbours(csv: Sequence[PartitionCsv]) -> Iterator[list[PartitionCsv]]:
    """Neighbouring partitions of together at most ``BLOCK_ROWS`` rows, or one larger one."""
    group: list[PartitionCsv] = []
    for part in csv:
        if group and sum(p.rows for p in group) + part.rows > BLOCK_ROWS:
            yield group
            group = []
        group.append(part)
    if group:
        yield group


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
