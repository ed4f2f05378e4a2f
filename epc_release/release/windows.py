"""Rows of several spills in one order, of which only a window is in memory at a time.

A partition can be larger than a worker may hold. What its order depends on is read for all rows;
whole rows are read a window at a time, from each spill those that the window needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl

from epc_release.costs import spent
from epc_release.release.settle import Piece
from epc_release.release.spill import concat

Span = tuple[int, int]  # rows from the first number to before the second


class Windows:
    """The rows of ``pieces``, joined one after the other, in the order of ``order``.

    ``order`` are positions (from 0) in the joined pieces, each at most once. ``blocks`` are spans
    of that order without gap, which ``block`` is asked for; neighbours of together at most ``size``
    rows are held at once. ``seen`` gets each row once, the rows of a window as they are read and
    their positions, and gives them back as they go on. ``beside`` are ascending positions of rows
    that are in no block; they are read with the first window, and are few.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        order: pl.Series,
        blocks: Iterable[Span],
        size: int,
        seen: Callable[[pl.DataFrame, pl.Series], pl.DataFrame],
        beside: pl.Series,
    ) -> None:
        self._pieces, self._order, self._seen = pieces, order, seen
        self._beside = beside
        self._aside: pl.DataFrame | None = None
        self._ahead = _windows(blocks, size)
        self._held: Span = (0, 0)
        self._rows = pl.DataFrame()
        self._places = pl.Series(dtype=pl.UInt32)

    def block(self, start: int, stop: int) -> pl.DataFrame:
        """The rows of a block; blocks are asked for in their order."""
        while stop > self._held[1]:
            self._load(*next(self._ahead))
        rows = self._rows[self._places.slice(start - self._held[0], stop - start)]
        if stop == self._held[1]:
            self._rows = pl.DataFrame()  # nobody asks for them again
        return rows

    def aside(self) -> pl.DataFrame:
        """The rows ``beside`` the order, of which there is at least one."""
        if self._aside is None:
            self._aside = _rows_at(self._pieces, self._beside)
        return self._aside

    def _load(self, start: int, stop: int) -> None:
        wanted = self._order.slice(start, stop - start)
        positions = wanted.sort()
        if len(self._beside) and self._aside is None:
            rows = self._with_aside(positions)
        else:
            rows = _rows_at(self._pieces, positions)
        self._rows = self._seen(rows, positions)
        self._places = positions.search_sorted(wanted)
        self._held = (start, stop)

    def _with_aside(self, positions: pl.Series) -> pl.DataFrame:
        every = pl.concat([positions, self._beside]).sort()
        rows = _rows_at(self._pieces, every)
        self._aside = rows[every.search_sorted(self._beside)]
        return rows[every.search_sorted(positions)]


@spent("read spill")
def _rows_at(pieces: Sequence[Piece], positions: pl.Series) -> pl.DataFrame:
    """Rows of the joined pieces at ascending ``positions``, of which there is at least one."""
    return concat(_found(pieces, positions))


def _found(pieces: Sequence[Piece], positions: pl.Series) -> Iterator[pl.DataFrame]:
    """The rows of each piece that has some."""
    first = 0
    for piece in pieces:
        end = first + piece.stop - piece.start
        low, high = (int(positions.search_sorted(at)) for at in (first, end))
        if low < high:
            rows = piece.read()
            whole = high - low == len(rows)
            yield rows if whole else rows[positions.slice(low, high - low) - first]
        first = end


def _windows(blocks: Iterable[Span], size: int) -> Iterator[Span]:
    """Neighbouring blocks of together at most ``size`` rows, or of one larger one."""
    held: Span | None = None
    for start, stop in blocks:
        if held is not None and stop - held[0] > size:
            yield held
            held = None
        held = (start if held is None else held[0], stop)
    if held is not None:
        yield held
