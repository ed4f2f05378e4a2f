"""From rows of a chunk's table to the physical lines on which their records begin."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from epc_release.release.source import cut
from epc_release.release.source.model import Chunk, RawTable

Positions = npt.NDArray[np.int64]


class Lines:
    """Lines of a chunk, counted from its first (from 0); of Parquet they are rows.

    Where each record is one line, which is found out by counting, nothing is looked up.
    """

    def __init__(self, chunk: Chunk, raw: RawTable, data: bytes | None) -> None:
        self._data = data or b""
        self._lines = chunk.lines
        self._raw = raw
        self._delimiter = chunk.part.csv.delimiter.encode() if chunk.part.csv else b","

    def of_rows(self, rows: Positions) -> Positions:
        """Of these rows of the table."""
        return self.of_records(self._raw.record_numbers(rows))

    def of_records(self, records: Positions) -> Positions:
        """Of these records of the chunk, ragged ones counted."""
        return records if self.plain else self._found[records]

    @cached_property
    def plain(self) -> bool:
        """Is each line a record?"""
        if not self._data:
            return True
        ends = self._data.endswith((b"\n", b"\r"))
        lines = cut.count_lines(self._data) if self._lines is None else self._lines
        return lines + (not ends) == self._raw.rows

    @cached_property
    def blank(self) -> Positions:
        """Blank lines between records."""
        if self.plain:
            return np.empty(0, np.int64)
        return cut.blank_lines(self._data, self._delimiter)

    @cached_property
    def _found(self) -> Positions:
        return cut.records(self._data, self._delimiter).lines
