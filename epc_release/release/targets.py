"""Targets: records that other records name, told only where they are in the release themselves.

Grain: one bucket of the named keys of a table, with the keys of the records that they may be. What
is published is only known once key sets have held, so a record carries digests of what it names
(hidden columns) until it is written, and ``finish`` empties the cells whose target is not among the
published ones: a target that nobody found is not published.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.context import Context, TablePlan, halves, load_context
from epc_release.release.protect import AT
from epc_release.release.records import STAYS
from epc_release.release.settle import KEY, PLACE, Piece
from epc_release.release.spill import Spill, concat, read_range, write_ipc, write_spill
from epc_release.schemas.checks.keys import key_digest

BUCKET = "__bucket"


@dataclass(frozen=True)
class TargetTask:
    """One bucket of the keys that the records of ``table`` name: ``named``, and the ``prints`` of
    the table where these are, of which ``drops`` do not stay."""

    context: Path
    table: str
    bucket: int
    named: tuple[Piece, ...]
    prints: tuple[Piece, ...]
    drops: tuple[Path, ...]


def target_digests(records: pl.DataFrame, plan: TablePlan) -> list[pl.Series]:
    """Hidden columns (UInt64) of conformed records: for each that names others the two halves of a
    digest, equal to that of the key of what is named.

    Missing where nothing is named, or the record's own certificate: that is in the release with it.
    """
    own = key_digest(records, plan.table.key) if plan.targets else None
    found = []
    for column in plan.targets:
        columns = halves(column)
        if own is None or column not in records.columns:
            none = pl.Series([None], dtype=pl.UInt64).new_from_index(0, records.height)
            found += [none.alias(name) for name in columns]
            continue
        named = key_digest(records, [column])
        nothing = records[column].is_null() | (
            (named["h1"] == own["h1"]) & (named["h2"] == own["h2"])
        )
        pairs = zip(named.get_columns(), columns, strict=True)
        found += [half.set(nothing, None).alias(name) for half, name in pairs]
    return found


def spill_targets(
    context: Context, chunk: int, plan: TablePlan, published: pl.DataFrame
) -> Spill | None:
    """The distinct digests (``KEY``) that a chunk's records name, labelled by bucket; None where
    there are none."""
    if not plan.targets:
        return None
    pairs = [halves(column) for column in plan.targets]
    named = pl.concat(
        published.select(pl.col(name).alias(key) for name, key in zip(pair, KEY, strict=True))
        for pair in pairs
    )
    named = named.drop_nulls().unique()
    if named.is_empty():
        return None
    bucket = (pl.col(KEY[0]) % context.job.buckets).cast(pl.String).alias(BUCKET)
    path = context.folder("routed") / f"{chunk}.targets"
    return write_spill(path, named.with_columns(bucket), BUCKET, drop_label=True)


def find_targets(task: TargetTask) -> Path | None:
    """Run one bucket: a file of the named digests (``KEY``) that are published, None of none."""
    if not task.prints:
        return None
    named = concat([piece.read() for piece in task.named]).unique()
    prints = concat([piece.read({*KEY, "__row", "__decision"}) for piece in task.prints])
    there = prints.filter(__decision=STAYS).join(named.select(KEY), on=KEY, how="semi")
    for path in task.drops:
        there = there.join(read_range(path), on=PLACE, how="anti")
    if there.is_empty():
        return None
    path = load_context(task.context).folder("targets") / f"{task.table}-{task.bucket}"
    write_ipc(path, there.select(KEY).unique().to_arrow())
    return path


def join_targets(context: Path, table: str, files: Collection[Path]) -> Path:
    """The files of all buckets as one, so that a group reads no more than one."""
    path = load_context(context).folder("targets") / table
    write_ipc(path, concat([read_range(file) for file in files]).sort(KEY).to_arrow())
    return path


def unpublished(plan: TablePlan, rows: pl.DataFrame, published: Path | None) -> pl.DataFrame:
    """Cells to be emptied: rows ``AT`` (UInt32, ascending) and a Boolean for each naming column.

    ``rows`` have the hidden columns; a target that is not in ``published`` is not published.
    """
    known = (
        read_range(published) if published else pl.DataFrame(schema=dict.fromkeys(KEY, pl.UInt64))
    )
    known = known.with_columns(__there=pl.lit(True))
    found = {AT: pl.Series(range(len(rows)), dtype=pl.UInt32)}
    for column in plan.targets:
        named = rows.select(halves(column))
        joined = named.join(
            known, left_on=named.columns, right_on=KEY, how="left", maintain_order="left"
        )
        found[column] = named.to_series().is_not_null() & joined["__there"].is_null()
    flags = pl.DataFrame(found)
    return flags.filter(pl.any_horizontal(pl.col(plan.targets))) if plan.targets else flags.clear()
