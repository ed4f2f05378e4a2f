"""The latest record of each unit, over a whole table, bucket by bucket (``[[latest]]``).

Grain: one record with a unit. ``route`` leaves of each a digest of its unit (128 bits), what orders
it and a digest of its key, by bucket of the unit; once keys are settled, a bucket's task tells the
places of the latest ones by partition, so that ``finish`` reads those of its partitions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.anonymise.latest import LatestFlag
from epc_release.release.context import Context, TablePlan, load_context
from epc_release.release.settle import KEY, PLACE, Piece
from epc_release.release.spill import Spill, concat, read_range, write_spill
from epc_release.schemas.checks.keys import key_digest

UNIT = ["__unit1", "__unit2"]
PARTITION, BUCKET, AT = "__partition", "__bucket", "__at"


@dataclass(frozen=True)
class NewestTask:
    """One bucket of a table's units; ``drops`` are its records that settling took away."""

    context: Path
    table: str
    bucket: int
    pieces: tuple[Piece, ...]
    drops: tuple[Path, ...]


def spill_contenders(
    context: Context, chunk: int, plan: TablePlan, records: pl.DataFrame, published: pl.DataFrame
) -> Spill | None:
    """What may be the latest of a chunk's records that stay; None where the table has no flag.

    ``records`` are the conformed ones with ``__row`` and the digests of their keys, row by row
    those of ``published``.
    """
    flag = plan.latest
    if flag is None or flag.unit not in records.columns:
        return None
    unit = key_digest(records, [flag.unit])
    made = records.select(
        "__row", *KEY, *(_order(records, name).alias(f"__by-{name}") for name in _by(flag, records))
    ).with_columns(
        unit["h1"].alias(UNIT[0]),
        unit["h2"].alias(UNIT[1]),
        (unit["h1"] % context.job.buckets).cast(pl.String).alias(BUCKET),
        (published[plan.partition] if plan.partition else pl.lit(None, pl.String)).alias(PARTITION),
    )
    path = context.folder("routed") / f"{chunk}.contenders"
    given = made.filter(records[flag.unit].is_not_null())
    return write_spill(path, given, BUCKET, drop_label=True)


def _by(flag: LatestFlag, records: pl.DataFrame) -> list[str]:
    return [name for name in flag.by if name in records.columns]


def _order(records: pl.DataFrame, name: str) -> pl.Expr:
    """What orders by a column: categories by their text."""
    column = pl.col(name)
    return column.cast(pl.String) if records.schema[name] == pl.Categorical else column


def find_newest(task: NewestTask) -> Spill:
    """Run one bucket: the places (``__at``) of the latest records, by partition."""
    context = load_context(task.context)
    flag = context.plan(task.table).latest
    if flag is None:
        raise ValueError(f"table {task.table} has no flag")
    rows = _together([piece.read() for piece in task.pieces], [f"__by-{n}" for n in flag.by])
    rows = rows.with_columns(_at().alias(AT))
    if task.drops:
        gone = concat([read_range(path, columns=PLACE) for path in task.drops]).select(_at())
        rows = rows.filter(~pl.col(AT).is_in(gone.to_series().implode()))
    rows = rows.sort([*UNIT, *(f"__by-{name}" for name in flag.by), *KEY], nulls_last=False)
    last = pl.any_horizontal(pl.col(name) != pl.col(name).shift(-1) for name in UNIT)
    newest = rows.filter(last.fill_null(value=True)).select(AT, PARTITION)
    path = context.folder("newest") / f"{task.table}-{task.bucket}"
    return write_spill(path, newest, PARTITION, drop_label=True)


def _together(frames: list[pl.DataFrame], by: list[str]) -> pl.DataFrame:
    """All rows; a column of the order that some inputs do not have is missing in theirs."""
    types = {name: dtype for frame in frames for name, dtype in frame.schema.items()}
    types = {name: types.get(name, pl.Null()) for name in [*frames[0].columns, *by]}
    return concat(
        [
            frame.with_columns(
                pl.lit(None, types[name]).alias(name) for name in by if name not in frame.columns
            ).select(list(types))
            for frame in frames
        ]
    )


def _at() -> pl.Expr:
    """The place of a record in the input, as one number."""
    chunk, row = (pl.col(name).cast(pl.UInt64) for name in PLACE)
    return chunk * 2**32 + row


class Flagged:
    """The flag for rows whose places are known: ``keys`` has them, one row for each position."""

    def __init__(self, plan: TablePlan, newest: tuple[Piece, ...], keys: pl.DataFrame) -> None:
        self._flag = plan.latest if newest else None
        if self._flag is not None:
            found = concat([piece.read([AT]) for piece in newest])[AT]
            self._newest = keys.select(_at().is_in(found.implode())).to_series()

    def set(self, rows: pl.DataFrame, positions: pl.Series | None = None) -> pl.DataFrame:
        """The rows (at these positions; all, where None) with the flag, if they have its column."""
        if self._flag is None or self._flag.column not in rows.columns:
            return rows
        newest = self._newest if positions is None else self._newest.gather(positions)
        return rows.with_columns(rows[self._flag.column].set(newest, value=True))
