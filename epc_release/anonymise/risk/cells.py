"""The cell table: how often each sensitive value stands in each equivalence class.

Everything else is a sum over it. Sensitive columns have a table each, so that many of them cost no
more than one after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.anonymise.risk.codes import Coded, Numbers, Words, encode, pack, ranks

# Codes are counted in a table rather than sorted where it has no more than so many places, or so
# many per row: a pass over it then costs less than a sort.
TABLE = 1 << 16
TABLE_PER_ROW = 4


@dataclass(frozen=True)
class Runs:
    """Cells of one sensitive column, sorted by class and then by value.

    ``starts``: the first cell of each class; ``ranks``: which value a cell is of; ``n``: its rows.
    """

    starts: Numbers
    ranks: Numbers
    n: Numbers


@dataclass(frozen=True)
class Cells:
    """The equivalence classes of a frame, numbered from 0.

    ``rows``, ``units``: of each class; ``of_row``: the class of each row. ``runs`` and ``values``
    (sorted, a null last) are by sensitive column; ranks in ``runs`` are places in ``values``.
    """

    rows: Numbers
    units: Numbers
    of_row: Numbers
    runs: Mapping[str, Runs]
    values: Mapping[str, pl.Series]

    @property
    def first(self) -> Numbers:
        """The first row of each class, where its keys can be read."""
        found = np.empty(len(self.rows), np.int64)
        found[self.of_row[::-1]] = np.arange(len(self.of_row))[::-1]  # the last one written stays
        return found


def tabulate(
    frame: pl.DataFrame, keys: Sequence[str], sensitive: Iterable[str] = (), unit: str | None = None
) -> Cells:
    """The cells of a frame held in memory; a null is a value of its own in every role.

    ``unit``: the column whose distinct values are counted as ``units``; all rows of a class that
    have none count as one together. Without it units are rows.
    """
    whole = pack((encode(frame[name]) for name in dict.fromkeys(keys)), frame.height)
    senses = {name: ranks(frame[name]) for name in sensitive}
    return cells_of(whole, senses, None if unit is None else encode(frame[unit]))


def sizes(frame: pl.DataFrame, keys: Sequence[str]) -> Numbers:
    """Rows of each class, in no particular order: all that ``k`` alone needs."""
    whole = pack((encode(frame[name]) for name in dict.fromkeys(keys)), frame.height)
    return counted(whole)[1]


def cells_of(
    whole: Coded, sensitive: Mapping[str, tuple[Coded, pl.Series]], unit: Coded | None = None
) -> Cells:
    """The cells of coded rows: ``whole`` tells classes apart, ``sensitive`` are as of ``ranks``."""
    height = len(whole.codes)
    of_row, rows = _numbered(whole)
    classes = Coded(of_row.view(np.uint64), max(1, len(rows)))
    runs = {}
    for name, (coded, _) in sensitive.items():
        both = pack((classes, coded), height)
        distinct, n = counted(both)
        runs[name] = runs_of(distinct, coded.size, n)
    values = {name: found for name, (_, found) in sensitive.items()}
    units = rows if unit is None else _units(classes, unit)
    return Cells(rows, units, of_row, runs, values)


def rows_below(coded: Coded, k: int) -> npt.NDArray[np.bool_]:
    """Boolean per row: its class has fewer than ``k`` rows."""
    if coded.size <= max(TABLE, TABLE_PER_ROW * len(coded.codes)):
        codes = coded.codes.view(np.int64)
        return (np.bincount(codes) < k)[codes]
    of_row, rows = _numbered(coded)
    return (rows < k)[of_row]


def counted(coded: Coded) -> tuple[Words, Numbers]:
    """The distinct codes, ascending, and how often each stands."""
    if coded.size <= max(TABLE, TABLE_PER_ROW * len(coded.codes)):
        counts = np.bincount(coded.codes.view(np.int64))
        found = np.flatnonzero(counts)
        return found.astype(np.uint64), counts[found]
    codes = np.sort(coded.codes)
    starts = run_starts(codes)
    return codes[starts], lengths(starts, len(codes))


def _numbered(coded: Coded) -> tuple[Numbers, Numbers]:
    """Codes made dense in ascending order, and the rows of each."""
    if coded.size <= max(TABLE, TABLE_PER_ROW * len(coded.codes)):
        codes = coded.codes.view(np.int64)
        counts = np.bincount(codes)
        there = counts > 0
        return (np.cumsum(there) - 1)[codes], counts[there]
    order = np.argsort(coded.codes)
    starts = run_starts(coded.codes[order])
    rows = lengths(starts, len(order))
    of_row = np.empty(len(order), np.int64)
    of_row[order] = np.repeat(np.arange(len(starts)), rows)
    return of_row, rows


def runs_of(both: Words, size: int, n: Numbers | None = None) -> Runs:
    """Cells of sorted codes that are ``class * size + rank``, each of ``n`` rows (None: one)."""
    begins = run_starts(both)
    distinct = both[begins]
    classes = distinct // np.uint64(size)
    found = (distinct - classes * np.uint64(size)).astype(np.int64)
    rows = lengths(begins, len(both)) if n is None else np.add.reduceat(n, begins)
    return Runs(run_starts(classes), found, rows)


def run_starts(codes: Words) -> Numbers:
    """Where the runs of equal codes begin."""
    if not len(codes):
        return np.zeros(0, np.int64)
    found: Numbers = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    return np.concatenate([np.zeros(1, np.int64), found])


def lengths(starts: Numbers, end: int) -> Numbers:
    """How long the runs are that begin there, the last of which goes to ``end``."""
    return np.diff(starts, append=end)


def _units(classes: Coded, unit: Coded) -> Numbers:
    distinct = counted(pack((classes, unit), len(unit.codes)))[0] // np.uint64(unit.size)
    return np.bincount(distinct.astype(np.int64), minlength=classes.size)[: _classes(classes)]


def _classes(classes: Coded) -> int:
    return classes.size if len(classes.codes) else 0
