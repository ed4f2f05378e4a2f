"""Records that did not stay in their partition: written once, with digests to pair them by.

Grain: one row per record that left an old file or came into a new one. Digests are of keys, spilt
by bucket; records of a table without a key are not paired, and their row stands for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.changes.reading import Part
from epc_release.release.spill import Spill, write_ipc, write_spill
from epc_release.schemas.checks.keys import key_digest

ROW, BUCKET = "row", "bucket"
NUMBER = "__number"  # of the row, in files of whole records
KEY = ("k1", "k2")
_HELD_ROWS = 1 << 16


@dataclass(frozen=True)
class Left:
    """Files of records with the number of each row, in order; their digests by bucket."""

    records: tuple[Path, ...]
    digests: tuple[Spill, ...]


def write_left(
    part: Part,
    paired: npt.NDArray[np.bool_],
    others: npt.NDArray[np.bool_],
    key: tuple[str, ...],
    buckets: int,
    target: Path,
    side: str,
) -> Left | None:
    """Write the rows ``paired`` with digests, and ``others`` without; None where there are none."""
    wanted = paired | others
    records: list[Path] = []
    digests: list[Spill] = []
    if not wanted.any():
        return None
    for start, rows in part.frames():
        stop = start + rows.height
        (here,) = np.nonzero(wanted[start:stop])
        for at in range(0, len(here), _HELD_ROWS):
            chosen = here[at : at + _HELD_ROWS]
            numbers = pl.Series(ROW, chosen + start, dtype=pl.UInt32)
            found = rows[chosen]
            stem = target.with_name(f"{target.name}-{side}-{len(records)}")
            records.append(stem.with_suffix(".records"))
            write_ipc(records[-1], found.with_columns(numbers.alias(NUMBER)).to_arrow())
            among = pl.Series(paired[start:stop][chosen])
            told = _digests(found, key, numbers, buckets).filter(among)
            if told.height:
                digests.append(
                    write_spill(stem.with_suffix(".digests"), told, BUCKET, drop_label=True)
                )
    return Left(tuple(records), tuple(digests))


def _digests(
    rows: pl.DataFrame, key: tuple[str, ...], numbers: pl.Series, buckets: int
) -> pl.DataFrame:
    if key:
        found = key_digest(rows, key).rename(dict(zip(("h1", "h2"), KEY, strict=True)))
    else:
        found = pl.DataFrame({name: numbers.cast(pl.UInt64) for name in KEY})
    label = (pl.col(KEY[0]) % buckets).cast(pl.String).alias(BUCKET)
    return found.select(numbers, *KEY, label)
