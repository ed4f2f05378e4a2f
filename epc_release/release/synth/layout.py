"""Which rows of a chunk are what: canaries, cases to exclude, copies, unreadable, the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from epc_release.release.synth.entropy import Ids, generator
from epc_release.release.synth.spec import CaseSpec, SynthSpec

Rows = npt.NDArray[np.int64]

CANARIES = 6
"""Rows of a table that carry canaries and may be released."""
CASE_CANARIES = 2
"""Rows of each case to exclude that carry canaries."""
_MOST_PLANTED = 3  # at most one row in so many of a first chunk is planted
_ENOUGH = 200  # rows from which on every fault of rows is there


@dataclass(frozen=True)
class Layout:
    """The rows of one chunk, numbered from 0; ``certificates`` are the numbers of their keys.

    ``canaries`` are rows that may be released but not in full; ``cases`` the rows of each case;
    ``excluded_canaries`` those of them that carry canaries. ``copies`` repeat ``copied`` in full,
    ``conflicts`` have the key of ``disputed``; ``returned`` opted out and in again; the date of
    lodgement of ``unreadable`` is none.
    """

    certificates: Ids
    canaries: Rows
    excluded_canaries: Rows
    cases: Mapping[str, Rows]
    copies: Rows
    copied: Rows
    conflicts: Rows
    disputed: Rows
    returned: Rows
    unreadable: Rows

    @property
    def planted(self) -> Rows:
        return np.concatenate([self.canaries, self.excluded_canaries])

    @property
    def owners(self) -> Rows:
        """The rows that have a key of their own."""
        rows = np.ones(len(self.certificates), dtype=bool)
        rows[self.copies] = rows[self.conflicts] = False
        return np.flatnonzero(rows)


class _Hand:
    """Rows in random order, dealt from the top."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def deal(self, count: int) -> Rows:
        dealt, self._rows = self._rows[:count], self._rows[count:]
        return dealt


def lay_out(
    seed: int, spec: SynthSpec, table: str, cases: Sequence[CaseSpec], first: int, size: int
) -> Layout:
    """The layout of ``size`` rows from number ``first`` on; the first chunk has the canaries."""
    rng = generator(seed, table, "layout", first)
    hand = _Hand(rng.permutation(size))
    planted = _plant(hand, cases, size) if first == 0 else ([], {})
    shares = spec.faults

    def some(share: float, least: int) -> Rows:
        usual = rng.binomial(size, share)
        return hand.deal(max(usual, least) if first == 0 and size >= _ENOUGH else usual)

    found = {case.name: some(case.share, 0) for case in cases}
    copies = some(float(shares["duplicates"]), 2)
    copied = hand.deal(len(copies))
    conflicts = some(float(shares["conflicts"]), 2)
    disputed = hand.deal(len(conflicts))
    unreadable = some(float(shares["unreadable_rows"]), 1)
    returned = some(float(shares["returned"]), 2)
    certificates = np.arange(first, first + size, dtype=np.uint64)
    certificates[copies[: len(copied)]] = certificates[copied]
    certificates[conflicts[: len(disputed)]] = certificates[disputed]
    canaries, case_canaries = planted
    return Layout(
        certificates=certificates,
        canaries=np.array(canaries, dtype=np.int64),
        excluded_canaries=np.array(list(chain(*case_canaries.values())), dtype=np.int64),
        cases={
            name: np.concatenate([np.array(case_canaries.get(name, []), dtype=np.int64), rows])
            for name, rows in found.items()
        },
        copies=copies[: len(copied)],
        copied=copied,
        conflicts=conflicts[: len(disputed)],
        disputed=disputed,
        returned=returned,
        unreadable=unreadable,
    )


def _plant(
    hand: _Hand, cases: Sequence[CaseSpec], size: int
) -> tuple[list[int], dict[str, list[int]]]:
    """One row of each kind in turn, until there are enough or the chunk is too small for more."""
    room = size // _MOST_PLANTED
    canaries: list[int] = []
    excluded: dict[str, list[int]] = {}
    for turn in range(CANARIES):
        names = [case.name for case in cases] if turn < CASE_CANARIES else []
        for name in (None, *names):
            if room == 0:
                return canaries, excluded
            room -= 1
            row = int(hand.deal(1)[0])
            (canaries if name is None else excluded.setdefault(name, [])).append(row)
    return canaries, excluded
