"""Records of one statistical unit: counted over a whole table, bucket by bucket.

Grain: one published record with a unit. A unit with more records than the table's ``unit_limit``
(a UPRN that stands for a block of flats, say) is a warning for each of them. Only a unit that is
published as it is read is looked at; a digest of it goes into the spill, not the unit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.context import Context, TablePlan, load_context
from epc_release.release.settle import NO_PARTITION, Piece
from epc_release.release.spill import Spill, concat, read_range, write_spill
from epc_release.schemas.checks.keys import key_digest

UNIT, PARTITION, BUCKET = "__unit", "__partition", "__bucket"


@dataclass(frozen=True)
class UnitTask:
    """One bucket of a table's units; ``drops`` are its records that settling took away."""

    context: Path
    table: str
    pieces: tuple[Piece, ...]
    drops: tuple[Path, ...]


def spill_units(
    context: Context, chunk: int, plan: TablePlan, kept: Collection[str], published: pl.DataFrame
) -> Spill | None:
    """Digests of the units of a chunk's published records, labelled by bucket.

    None where the table has no limit, or its unit is not published as it is.
    """
    unit = plan.table.unit
    if plan.table.unit_limit is None or unit is None or unit not in kept:
        return None
    label = plan.partition or NO_PARTITION
    digests = key_digest(published, [unit])["h1"]
    place = pl.col(label).cast(pl.String) if plan.partition else pl.lit(None, pl.String)
    units = published.select(
        "__row",
        place.alias(PARTITION),
        digests.alias(UNIT),
        (digests % context.job.buckets).cast(pl.String).alias(BUCKET),
        pl.col(unit).is_not_null().alias("given"),
    ).filter("given")
    path = context.folder("routed") / f"{chunk}.units"
    return write_spill(path, units.drop("given"), BUCKET, drop_label=True)


def count_units(task: UnitTask) -> dict[str | None, int]:
    """Run one bucket: published records of units beyond the limit, by partition."""
    context = load_context(task.context)
    limit = context.plan(task.table).table.unit_limit
    rows = concat([piece.read() for piece in task.pieces])
    for path in task.drops:
        drops = read_range(path)
        rows = rows.join(drops, on=["__chunk", "__row"], how="anti")
    many = rows.filter(pl.len().over(UNIT) > limit)
    return dict(many.group_by(PARTITION).len().iter_rows())
