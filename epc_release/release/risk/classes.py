"""The measures of coded rows: sorted by class, then block by block of whole classes.

Blocks are small enough for the processor's cache, and threads take turns on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
import polars as pl

from epc_release.anonymise.risk import Runs, Summary, Worst
from epc_release.anonymise.risk.cells import lengths, run_starts, runs_of
from epc_release.anonymise.risk.codes import Coded, Numbers, Words, dense, pack
from epc_release.anonymise.risk.measures import Diversity, closeness
from epc_release.release.risk.coders import FULL, Coder, Dictionary
from epc_release.release.risk.held import Stretch, counted, joined
from epc_release.release.risk.ordering import Ordering
from epc_release.release.risk.request import Slots

BLOCK: Final = 1 << 19  # rows of a block, about
IN_ONE: Final = 16  # bytes a row
APART: Final = 96
PARTITION: Final = "code"  # of the partition, in frames by partition


@dataclass(frozen=True)
class Found:
    """Of some whole classes: a summary, and by partition (where there is one) what is its own.

    Columns of ``partitions``: ``code``, ``rows``, ``units``, ``classes``, ``k``, ``uniques``,
    ``rows_below_k``.
    """

    summary: Summary
    partitions: pl.DataFrame | None = None


class Measurer:
    """Measures stretches of rows coded by ``coders``; ``orderings`` by sensitive column."""

    def __init__(
        self,
        slots: Slots,
        coders: Mapping[str, Coder],
        orderings: Mapping[str, Ordering],
        k: int,
        threads: int,
    ) -> None:
        self.slots, self.coders, self.orderings, self.k = slots, coders, orderings, k
        self.threads = threads

    @property
    def row(self) -> int:
        """Bytes that measuring takes a row, besides twice its words."""
        return APART if self._size_in_one() is None else IN_ONE

    def measure(self, stretches: list[Stretch]) -> Iterator[Found]:
        """What these rows, which share no class with others, hold; the list is emptied."""
        if not any(stretch.rows for stretch in stretches):
            return
        size = self._size_in_one()
        if size is not None and all(stretch.n is None for stretch in stretches):
            yield from self._in_one(stretches, size)
        else:
            whole = joined(stretches)
            stretches.clear()
            yield from self._apart(whole)

    def _size_in_one(self) -> int | None:
        """Codes of the sensitive column where keys and it fit in one word and nothing is more."""
        slots = self.slots
        if slots.unit is not None or slots.partition is not None or len(slots.sensitive) > 1:
            return None
        sizes = [self.coders[n] for n in slots.keys]
        if not all(isinstance(coder, Dictionary) for coder in sizes):
            return None
        last = [len(self.orderings[name].marginal) for name in slots.sensitive]
        whole = prod(len(c.codes) for c in sizes if isinstance(c, Dictionary)) * prod(last)
        return prod(last) if whole <= FULL else None

    def _in_one(self, stretches: list[Stretch], size: int) -> Iterator[Found]:
        """One sort of one word tells classes and cells."""
        both = np.empty(sum(stretch.rows for stretch in stretches), np.uint64)
        with ThreadPoolExecutor(self.threads) as pool:
            ends = np.cumsum([stretch.rows for stretch in stretches]).tolist()
            todo = [
                pool.submit(self._fill, both[end - stretch.rows : end], stretch)
                for stretch, end in zip(stretches, ends, strict=True)
            ]
            for done in todo:
                done.result()
            stretches.clear()
            _sort(both, pool)
            yield from pool.map(lambda b: self._cells(both[b], size), _blocks(both, size))

    def _fill(self, both: Words, stretch: Stretch) -> None:
        both[:] = pack(self._codes(stretch), stretch.rows).codes

    def _codes(self, stretch: Stretch) -> Iterator[Coded]:
        """Keys, then the only sensitive column."""
        found = self._words(stretch)
        for name in self.slots.keys:
            yield from self.coders[name].coded(found[name])
        for name in self.slots.sensitive:
            yield self._ranked(name, found[name])

    def _ranked(self, name: str, words: tuple[Any, ...]) -> Coded:
        ordering = self.orderings[name]
        return Coded(ordering.ranks[words[0]].astype(np.uint64), len(ordering.marginal))

    def _words(self, stretch: Stretch) -> dict[str, tuple[Any, ...]]:
        """The words of each slot."""
        found, at = {}, 0
        for name in self.slots.names:
            width = self.coders[name].width
            found[name] = stretch.words[at : at + width]
            at += width
        return found

    def _cells(self, both: Words, size: int) -> Found:
        runs = runs_of(both, size)
        rows = np.add.reduceat(runs.n, runs.starts)
        worst = {name: self._worst(name, runs) for name in self.slots.sensitive}
        return Found(Summary.of(rows, rows, self.k, worst))

    def _worst(self, name: str, runs: Runs) -> Worst:
        whole = self.orderings[name]
        outside = closeness(runs, whole.marginal, ordered=whole.ordered)
        return Worst.of(Diversity(runs), outside, whole.marginal)

    def _apart(self, whole: Stretch) -> Iterator[Found]:
        """Rows are put in order of their classes; each role is looked up in that order."""
        words = self._words(whole)
        keys = pack(
            (c for n in self.slots.keys for c in self.coders[n].coded(words[n])), whole.rows
        )
        order = np.argsort(keys.codes)
        codes = keys.codes[order]
        del keys

        def block(part: slice) -> Found:
            return self._block(whole, words, order[part], codes[part])

        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(block, _blocks(codes, 1))

    def _block(
        self, whole: Stretch, words: Mapping[str, tuple[Any, ...]], order: Numbers, codes: Words
    ) -> Found:
        starts = run_starts(codes)
        n = None if whole.n is None else whole.n[order]
        rows = counted(n, np.arange(len(order)), starts)
        own = Coded(
            np.repeat(np.arange(len(starts), dtype=np.uint64), lengths(starts, len(order))),
            len(starts),
        )
        worst = {}
        for name in self.slots.sensitive:
            ranked = self._ranked(name, (words[name][0][order],))
            worst[name] = self._worst(name, _runs(pack((own, ranked), len(order)), ranked.size, n))
        units = rows
        if self.slots.unit is not None:
            taken = tuple(word[order] for word in words[self.slots.unit])
            units = _units(own, self.coders[self.slots.unit].coded(taken), len(order))
        summary = Summary.of(rows, units, self.k, worst)
        if self.slots.partition is None:
            return Found(summary)
        code = words[self.slots.partition][0][order[starts]]
        return Found(summary, by_partition(code, rows, units, self.k))


def by_partition(code: Any, rows: Numbers, units: Numbers, k: int) -> pl.DataFrame:
    """What ``Found.partitions`` holds, of classes with these codes, rows and units."""
    classes = pl.DataFrame({PARTITION: code.astype(np.uint32), "rows": rows, "units": units})
    below = pl.col("rows") * (pl.col("units") < k)
    return classes.group_by(PARTITION).agg(
        pl.col("rows", "units").sum(),
        classes=pl.len().cast(pl.Int64),
        k=pl.col("units").min(),
        uniques=(pl.col("units") == 1).sum().cast(pl.Int64),
        rows_below_k=below.sum(),
    )


def together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Several of them as one; they share no class."""
    counts = ("rows", "units", "classes", "uniques", "rows_below_k")
    return pl.concat(frames).group_by(PARTITION).agg(pl.col(counts).sum(), pl.col("k").min())


def _runs(both: Coded, size: int, n: Numbers | None) -> Runs:
    if n is None:
        return runs_of(np.sort(both.codes), size)
    order = np.argsort(both.codes)
    return runs_of(both.codes[order], size, n[order])


def _units(own: Coded, unit: Sequence[Coded], rows: int) -> Numbers:
    """Distinct units of each class."""
    one = pack(unit, rows)
    if own.size * one.size > FULL:
        one = dense(one)
    codes = np.sort(pack((own, one), rows).codes)
    distinct = codes[run_starts(codes)] // np.uint64(one.size)
    return np.bincount(distinct.astype(np.int64), minlength=own.size)


def _blocks(codes: Words, size: int) -> Iterator[slice]:
    """Slices of sorted codes ``class * size + rank`` that hold whole classes."""
    start = 0
    while start < len(codes):
        last = int(codes[min(start + BLOCK, len(codes)) - 1])
        after = (last // size + 1) * size
        end = len(codes) if after >= FULL else int(np.searchsorted(codes, np.uint64(after)))
        yield slice(start, end)
        start = end


def _sort(codes: Words, pool: ThreadPoolExecutor) -> None:
    """Two halves at a time."""
    middle = len(codes) // 2
    codes.partition(middle)
    halves = [pool.submit(half.sort) for half in (codes[:middle], codes[middle:])]
    for done in halves:
        done.result()
