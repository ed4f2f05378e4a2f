"""Finish: a group of neighbouring partitions, from their spills to files of the release.

Grain: one row per record that is published. Conserves rows: what the spills hold of these
partitions, less what was dropped when keys were settled, is what the files hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

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
from epc_release.release.write.parquet import to_arrow, write_part
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
    rows = _sorted(plan, rows, label)
    runs = _runs(plan, rows, label)
    store = context.folder("fragments") / f"{task.number}.deflate"
    with store.open("wb") as sink:
        csv = compress_partitions(
            rows,
            plan.published,
            runs,
            sink,
            store=str(store),
            level=context.job.compression_level,
        )
    parts = tuple(_write_parts(context, plan, rows, csv))
    return Finished(
        number=task.number,
        table=task.table,
        rows=len(rows),
        parts=parts,
        csv=tuple(csv),
        issues=_count(issues, label),
        presence=presence(rows, plan.written.names, runs),
    )


def _runs(plan: TablePlan, rows: pl.DataFrame, label: str) -> list[Run]:
    """One for each year of each partition, in the order of the sorted rows."""
    if plan.table.parent:
        years = rows[YEAR].cast(pl.String).fill_null(UNKNOWN_YEAR)
    elif plan.year is not None:
        years = rows.select(year_label(plan.year, rows.schema[plan.year])).to_series()
    else:
        years = pl.Series([UNKNOWN_YEAR]).new_from_index(0, len(rows))
    places = pl.DataFrame({"value": rows[label].cast(pl.String), "year": years})
    found, start = [], 0
    for length, place in places.to_struct().rle().struct.unnest().iter_rows():
        found.append(Run(place["value"], place["year"], start, start + length))
        start += length
    return found


def _write_parts(
    context: Context, plan: TablePlan, rows: pl.DataFrame, csv: Sequence[PartitionCsv]
) -> Iterator[FileFacts]:
    """A Parquet part for each partition; neighbours are decoded together, which costs less."""
    target = arrow_schema(plan.written)
    start = 0
    for block in _blocks(csv):
        table = to_arrow(rows.slice(start, sum(part.rows for part in block)), target)
        start += table.num_rows
        at = 0
        for part in block:
            path = part_path(plan.table.name, plan.partition, part.value)
            yield write_part(
                context.job.release,
                path,
                table.slice(at, part.rows),
                content_sha256=part.content_sha256,
            )
            at += part.rows


def _blocks(csv: Sequence[PartitionCsv]) -> Iterator[list[PartitionCsv]]:
    """Neighbouring partitions of together at most ``BLOCK_ROWS`` rows, or one larger one."""
    block: list[PartitionCsv] = []
    for part in csv:
        if block and sum(p.rows for p in block) + part.rows > BLOCK_ROWS:
            yield block
            block = []
        block.append(part)
    if block:
        yield block


def _sorted(plan: TablePlan, rows: pl.DataFrame, label: str) -> pl.DataFrame:
    """By partition (missing last, as partitions are listed), then by the published sort columns."""
    order = dict.fromkeys((label, *((YEAR,) if plan.table.parent else ()), *plan.sort))
    keys = [pl.col(name).cast(_sortable(rows, name)) for name in order]
    return rows.sort(keys, nulls_last=[name == label for name in order])


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
