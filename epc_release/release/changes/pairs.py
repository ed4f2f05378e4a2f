"""Records of two releases paired by key, one bucket at a time.

Grain: one bucket, by the hash of their key, of a table's records that did not stay in their
partition. Records of one key are paired and are changed ones; then what only the new release has
was added, and what only the old one has was removed. Copies of a key are told apart as first,
second and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.changes.digests import KEY, ROW
from epc_release.release.spill import Range, Spill, write_spill

PART = "part"
OTHER_PART, OTHER_ROW = "other_part", "other_row"
_NUMBER = "copy"
_DIGESTS = {PART: pl.Int32, ROW: pl.UInt32, **dict.fromkeys(KEY, pl.UInt64)}


@dataclass(frozen=True)
class PartRange(Range):
    """Rows of a spill that are of the partition at ``position``."""

    position: int


@dataclass(frozen=True)
class PairTask:
    """One bucket: digests of both sides; ``keyed`` where records have a key of their own."""

    old: tuple[PartRange, ...]
    new: tuple[PartRange, ...]
    keyed: bool
    target: Path


@dataclass(frozen=True)
class Paired:
    """What a bucket has: records ``gone`` from old partitions and ``come`` into new ones.

    Both are spills by position of the partition: the row there, and partition and row on the other
    side (missing of records that were added or removed).
    """

    gone: Spill
    come: Spill
    rows: int


def pair(task: PairTask) -> Paired:
    """Run one bucket."""
    old, new = _numbered(task.old), _numbered(task.new)
    if task.keyed:
        gone, come = _joined(old, new), _joined(new, old)
    else:
        gone, come = _joined(old, new.clear()), _joined(new, old.clear())
    return Paired(
        write_spill(task.target.with_suffix(".gone"), gone, PART, drop_label=True),
        write_spill(task.target.with_suffix(".come"), come, PART, drop_label=True),
        len(gone) + len(come),
    )


def _numbered(ranges: tuple[PartRange, ...]) -> pl.DataFrame:
    """The digests of one side, those of one key numbered in the order of their places."""
    parts = [
        each.read().with_columns(pl.lit(each.position, pl.Int32).alias(PART)) for each in ranges
    ]
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=_DIGESTS)
    number = pl.int_range(pl.len(), dtype=pl.UInt32).over(KEY)
    return rows.select(*_DIGESTS).sort(*KEY, PART, ROW).with_columns(number.alias(_NUMBER))


def _joined(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Places of the records of one side, with those of their partners on the other."""
    by = [*KEY, _NUMBER]
    partners = other.select(*by, pl.col(PART).alias(OTHER_PART), pl.col(ROW).alias(OTHER_ROW))
    found = one.join(partners, on=by, how="left")
    return found.select(pl.col(PART).cast(pl.String), ROW, OTHER_PART, OTHER_ROW)
