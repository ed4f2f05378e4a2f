"""Finish: a group of neighbouring partitions, from their spills to files of the release.

Grain: one row per record that is published. Conserves rows: what the spills hold of these
partitions, less what was dropped when keys were settled, is what the files hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import UNKNOWN_YEAR, part_path, year_label
from epc_release.release import quarantine
from epc_release.release.context import Context, TablePlan, load_context
from epc_release.release.records import FIRST_REJECTED, REJECTED
from epc_release.release.settle import NO_PARTITION, YEAR, Piece
from epc_release.release.spill import concat, read_range
from epc_release.release.write.fragments import PartitionCsv, compress_partition
from epc_release.release.write.parquet import write_part
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
    """Files of one group; ``issues`` counts published cells by (column position, code position)."""

    number: int
    table: str
    rows: int
    parts: tuple[FileFacts, ...]
    csv: tuple[PartitionCsv, ...]
    issues: dict[tuple[int, int], int]


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
    order = (label, *((YEAR,) if plan.table.parent else ()), *plan.sort)
    rows = rows.sort([pl.col(name).cast(_sortable(rows, name)) for name in dict.fromkeys(order)])
    parts, csv = [], []
    store = context.folder("fragments") / f"{task.number}.deflate"
    with store.open("wb") as sink:
        for value, part in _partitions(rows, label, task.labels):
            packed = compress_partition(
                part,
                plan.published,
                _years(plan, part),
                sink,
                value=value,
                store=str(store),
                level=context.job.compression_level,
            )
            csv.append(packed)
            path = part_path(task.table, plan.partition, value)
            parts.append(
                write_part(
                    context.job.release,
                    path,
                    part,
                    plan.written,
                    content_sha256=packed.content_sha256,
                )
            )
    return Finished(task.number, task.table, len(rows), tuple(parts), tuple(csv), _count(issues))


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
    """Leave out what settling dropped; it goes to quarantine as it would have been published."""
    drops = concat([read_range(path) for path in task.drops])
    place = ["__chunk", "__row"]
    dropped = rows.join(drops, on=place)
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


def _partitions(
    rows: pl.DataFrame, label: str, labels: tuple[str | None, ...]
) -> Iterator[tuple[str | None, pl.DataFrame]]:
    """Each partition's rows, in the order of the task; one without rows is not made."""
    runs = rows[label].cast(pl.String).rle().struct.unnest()
    found, start = {}, 0
    for length, value in runs.iter_rows():
        found[value] = rows.slice(start, length)
        start += length
    for value in labels:
        if value in found:
            yield value, found[value]


def _years(plan: TablePlan, part: pl.DataFrame) -> list[tuple[str, int, int]]:
    """(label, first row, row after the last) of each year in a sorted partition."""
    if plan.table.parent:
        labels = part[YEAR].cast(pl.String).fill_null(UNKNOWN_YEAR)
    elif plan.year is not None:
        labels = part.select(year_label(plan.year, part.schema[plan.year])).to_series()
    else:
        return [(UNKNOWN_YEAR, 0, len(part))]
    found, start = [], 0
    for length, year in labels.rle().struct.unnest().iter_rows():
        found.append((year, start, start + length))
        start += length
    return found


def _count(issues: pl.DataFrame | None) -> dict[tuple[int, int], int]:
    if issues is None:
        return {}
    counted = issues.group_by("__column", "__code").len()
    return {(column, code): count for column, code, count in counted.iter_rows()}
