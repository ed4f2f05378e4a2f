"""The measures of each class, from its cells: sums over runs, no loop over classes.

Sources: Machanavajjhala et al. 2007 (l, entropy l), Wong et al. 2006 (alpha), Li et al. 2007 (t:
equal and ordered distance), Cao and Karras 2012 (beta), Brickell and Shmatikov 2008 (delta).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from epc_release.anonymise.risk.cells import Runs, lengths
from epc_release.anonymise.risk.codes import Numbers

Shares: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Diversity:
    """Measures of each class that need nothing but the class, each made when it is asked for."""

    runs: Runs

    @property
    def l(self) -> Numbers:  # noqa: E743  (the measure's name)
        """Distinct values."""
        return lengths(self.runs.starts, len(self.runs.n))

    @property
    def entropy_l(self) -> Shares:
        """Exponential of the values' entropy."""
        n, starts = self.runs.n, self.runs.starts
        rows = _sums(n, starts)
        spread = np.exp(np.log(rows) - _sums(n * np.log(n), starts) / rows)
        found: Shares = np.clip(spread, 1, self.l)
        return found

    @property
    def alpha(self) -> Shares:
        """Share of the most frequent value."""
        n, starts = self.runs.n, self.runs.starts
        return np.maximum.reduceat(n, starts) / _sums(n, starts) if len(starts) else np.zeros(0)


@dataclass(frozen=True)
class Closeness:
    """Of each class, against the whole table: distance, greatest gain, greatest log-ratio."""

    t: Shares
    beta: Shares
    delta: Shares


def closeness(runs: Runs, marginal: Numbers, *, ordered: bool) -> Closeness:
    """Measures against the whole table, in which the value of rank ``i`` has ``marginal[i]`` rows.

    ``t`` is the total variation, or over ``ordered`` values the earth mover's distance in which
    neighbouring values are 1 / (values - 1) apart.
    """
    rows = _sums(runs.n, runs.starts)
    inside = runs.n / np.repeat(rows, lengths(runs.starts, len(runs.n)))
    whole = marginal[runs.ranks] / max(1, marginal.sum())
    ratio = inside / whole
    if not len(rows):
        return Closeness(*(np.zeros(0) for _ in range(3)))
    t = _earth_mover(runs, rows, marginal) if ordered else _variation(runs, inside - whole)
    beta = np.maximum.reduceat(ratio, runs.starts) - 1
    delta = np.maximum.reduceat(np.abs(np.log(ratio)), runs.starts)
    return Closeness(t, np.maximum(beta, 0), delta)


def _variation(runs: Runs, gain: Shares) -> Shares:
    """Half the sum of all differences is the sum of the positive ones."""
    return _sums(np.maximum(gain, 0), runs.starts)


def _earth_mover(runs: Runs, rows: Numbers, marginal: Numbers) -> Shares:
    """Sum over all ranks of |share of the class up to there - share of the table up to there|.

    Between two values that the class has its own share stands still and the table's only grows:
    each such gap is summed at once, up to where the table's overtakes and from there.
    """
    size, total = len(marginal), int(marginal.sum())
    if size == 1:
        return np.zeros(len(rows))
    up_to = np.cumsum(marginal)
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(up_to)])
    sizes = lengths(runs.starts, len(runs.n))
    counted = np.cumsum(runs.n)
    before = counted[runs.starts] - runs.n[runs.starts]
    own = (counted - np.repeat(before, sizes)) / np.repeat(rows, sizes)
    begin, end = runs.ranks, np.append(runs.ranks[1:], size)
    end[runs.starts[1:] - 1] = size
    turn = np.clip(np.searchsorted(up_to, own * total), begin, end)
    moved = own * (2 * turn - begin - end) + (sums[begin] + sums[end] - 2 * sums[turn]) / total
    leading = sums[runs.ranks[runs.starts]] / total
    distance: Shares = np.maximum(_sums(moved, runs.starts) + leading, 0) / (size - 1)
    return distance


def _sums(values: npt.NDArray[Any], starts: Numbers) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = np.add.reduceat(values, starts) if len(starts) else values[:0]
    return found
