"""Fingerprints of keys and rows in bucket files, so that copies are found out of core.

Grain: one print (128 bits and the line) per row that takes part in a key. A chunk's prints of one
key are one file, sorted by bucket: the highest bits of the first half. Equal keys meet in a bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.spill import read_range, write_ipc
from epc_release.schemas.checks.keys import H1, H2

LINE = "line"
SCHEMA = {H1: pl.UInt64(), H2: pl.UInt64(), LINE: pl.UInt32(), "chunk": pl.UInt32()}


@dataclass(frozen=True)
class Stretch:
    """Rows ``start`` to ``stop`` of a chunk's prints: those of one bucket."""

    path: Path
    chunk: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    def read(self) -> pl.DataFrame:
        """h1, h2 (UInt64), line and chunk (UInt32); lines count from the chunk's first, from 0."""
        found = read_range(self.path, self.start, self.stop)
        return found.with_columns(chunk=pl.lit(self.chunk, dtype=pl.UInt32))


@dataclass(frozen=True)
class Printed:
    """The prints that one chunk left of one key; bucket b is ``ends[b - 1]`` to ``ends[b]``."""

    path: Path
    chunk: int
    ends: npt.NDArray[np.uint32]

    def of(self, bucket: int) -> Stretch:
        start = int(self.ends[bucket - 1]) if bucket else 0
        return Stretch(self.path, self.chunk, start, int(self.ends[bucket]))


def write_prints(
    path: Path, chunk: int, digests: pl.DataFrame, lines: npt.NDArray[np.int64], buckets: int
) -> Printed | None:
    """Write ``digests`` (h1, h2) with their ``lines``; None where there are none.

    ``buckets`` is a power of two.
    """
    if not digests.height:
        return None
    bits = buckets.bit_length() - 1
    frame = digests.select(H1, H2).with_columns(pl.Series(LINE, lines, dtype=pl.UInt32))
    bucket = np.zeros(frame.height, np.uint16)
    if bits:
        bucket = (frame[H1].to_numpy() >> np.uint64(64 - bits)).astype(np.uint16)
        frame = frame[pl.Series(np.argsort(bucket, kind="stable"))]
    write_ipc(path, frame.to_arrow())
    sizes = np.bincount(bucket, minlength=buckets)
    return Printed(path, chunk, np.cumsum(sizes).astype(np.uint32))
