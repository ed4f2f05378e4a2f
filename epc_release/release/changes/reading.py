"""The rows of a part, a frame at a time; of a small one they are read once and held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

FRAME_ROWS = 61_440  # half a row group
HELD_CELLS = 12_000_000  # about 200 MiB of text


class Part:
    """A Parquet part; None is one without rows."""

    def __init__(self, file: Path | None) -> None:
        self._file, self._held = file, list[tuple[int, pl.DataFrame]]()

    def frames(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """The rows, and the number of the first of them."""
        if self._held:
            yield from self._held
        elif self._file is not None:
            told = pq.read_metadata(self._file)
            if told.num_rows * told.num_columns <= HELD_CELLS and told.num_rows:
                self._held = [(0, read_rows(self._file, 0, told.num_rows))]
                yield from self._held
                return
            for start in range(0, told.num_rows, FRAME_ROWS):
                yield start, read_rows(self._file, start, FRAME_ROWS)


def read_rows(file: Path, start: int, rows: int) -> pl.DataFrame:
    """At most ``rows`` rows from ``start`` on; only their row groups are read."""
    source = pl.scan_parquet(file, hive_partitioning=False, glob=False, use_statistics=False)
    return source.slice(start, rows).collect()
