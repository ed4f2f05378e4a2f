"""Fingerprints of keys and rows in bucket files, so that copies are found out of core.

Grain: one print (128 bits and the line) per row that takes part in a key. A chunk's prints of one
key are one file, sorted by bucket: the highest bits of the first half. Equal keys meet in a bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.spill import read_range, write_ipc
from epc_release.schemas.checks.keys import H1, H2, key_digest

LINE = "line"
SCHEMA = {H1: pl.UInt64(), H2: pl.UInt64(), LINE: pl.UInt32()}
MAX_BUCKETS = 4096
ODD = np.uint64(1)


@dataclass(frozen=True)
class Printed:
    """The prints that one chunk left of one key: rows ``ends[b - 1]`` to ``ends[b]`` are bucket b.

    Columns: h1, h2 (UInt64), line (UInt32, from the chunk's first, from 0).
    """

    path: Path
    chunk: int
    ends: tuple[int, ...]

    def rows(self, bucket: int) -> int:
        return self.ends[bucket] - self._start(bucket)

    def read(self, bucket: int) -> pl.DataFrame:
        """The bucket's prints, with the number of their ``chunk`` (UInt32)."""
        found = read_range(self.path, self._start(bucket), self.ends[bucket])
        return found.with_columns(chunk=pl.lit(self.chunk, dtype=pl.UInt32))

    def _start(self, bucket: int) -> int:
        return self.ends[bucket - 1] if bucket else 0


def write_prints(
    path: Path, chunk: int, digests: pl.DataFrame, lines: npt.NDArray[np.int64], buckets: int
) -> Printed | None:
    """Write ``digests`` (h1, h2) with their ``lines``; None where there are none.

    ``buckets`` is a power of two.
    """
    if not digests.height:
        return None
    bits = buckets.bit_length() - 1
    first = digests.get_column(H1).to_numpy()
    bucket = (first >> np.uint64(64 - bits)).astype(np.uint16) if bits else np.zeros(len(first))
    order = pl.Series(np.argsort(bucket.astype(np.uint16), kind="stable"))
    frame = digests.select(H1, H2).with_columns(pl.Series(LINE, lines, dtype=pl.UInt32))
    write_ipc(path, frame[order].to_arrow())
    sizes = np.bincount(bucket.astype(np.int64), minlength=buckets)
    return Printed(path, chunk, tuple(np.cumsum(sizes).tolist()))


def row_prints(columns: Sequence[tuple[pl.Series, npt.NDArray[np.int64] | None]]) -> pl.DataFrame:
    """Digest of whole rows (h1, h2) from columns of text, given per row or as texts and places.

    Every distinct text is digested once; a row's digest is the sum of its cells' digests, each
    times an odd factor of its column (see ``schemas.checks.keys``).
    """
    ends = np.cumsum([texts.len() for texts, _ in columns])
    digests = key_digest(pl.concat([texts.alias("text") for texts, _ in columns]))
    halves = [digests.get_column(half).to_numpy() for half in (H1, H2)]
    rows = len(columns[0][1]) if columns[0][1] is not None else columns[0][0].len()
    factors = key_digest(pl.Series("p", range(len(columns)), dtype=pl.Int64))[H1].to_numpy() | ODD
    sums = [np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)]
    for position, ((texts, places), end) in enumerate(zip(columns, ends.tolist(), strict=True)):
        factor = factors[position]
        for total, half in zip(sums, halves, strict=True):
            cells = half[end - texts.len() : end] * factor
            total += cells if places is None else cells[places]
    return pl.DataFrame({H1: sums[0], H2: sums[1]})
