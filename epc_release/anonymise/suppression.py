"""Suppression: whole classes lose key cells in the declared order; what is still too small goes.

Grain: the records of whole partitions, none of which shares a class with a record elsewhere
(:mod:`keysets`). A class that does not hold loses the first key of ``star``, all its records alike,
so that no total gives a cell back; its records then stand in the class of those whose cell is
missing, and that class is looked at next. Records whose class does not hold without any of the
keys are dropped. Key sets take turns until none changes anything. Cells are only ever taken away,
so this ends, and a larger class is never split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from epc_release.anonymise.keysets import KeySet, starred
from epc_release.anonymise.risk import Marginal, Summary, summarise, violations
from epc_release.anonymise.risk.cells import Cells, cells_of, rows_below
from epc_release.anonymise.risk.codes import Coded, encode, pack, ranks

UNIT = "__unit"
Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Suppressed:
    """What suppression takes away: per column which rows' cells, and which rows.

    A cell that was missing before is not among ``stars``; neither are cells of dropped rows.
    """

    stars: Mapping[str, Flags]
    dropped: Flags


def suppress(
    frame: pl.DataFrame,
    key_sets: Sequence[KeySet],
    marginals: Mapping[str, Marginal],
    before: Suppressed | None = None,
) -> Suppressed:
    """Make the key sets of one table hold among its rows.

    ``frame`` has the published key and sensitive columns and, where a key set counts units,
    ``UNIT`` (UInt64 digests, null without one). ``marginals``: by sensitive column its distribution
    over the whole table; only limits on ``t`` need it. What ``before`` took away stays away. Key
    sets that fail a build rather than suppress are not enforced.
    """
    due = [each for each in key_sets if each.action == "suppress"]
    state = _State(frame, key_sets, marginals, before)
    waiting = {each.id for each in due}
    while waiting:  # rounds in the declared order, without those that would change nothing
        for key_set in due:
            if key_set.id not in waiting:
                continue
            waiting.remove(key_set.id)
            columns, rows_went = _enforce(state, key_set)
            waiting |= {
                other.id
                for other in due
                if other is not key_set and (rows_went or not columns.isdisjoint(other.keys))
            }
    return state.taken()


def failing(frame: pl.DataFrame, key_set: KeySet, marginals: Mapping[str, Marginal]) -> Flags:
    """Boolean per row: its class does not hold what the key set asks for."""
    return _State(frame, [key_set], marginals, None).failing(key_set, np.arange(frame.height))


def summaries(frame: pl.DataFrame, key_sets: Sequence[KeySet]) -> dict[str, Summary]:
    """By key set the measures of these rows as they are; t, beta and delta are not among them."""
    state, rows = _State(frame, key_sets, {}, None), np.arange(frame.height)
    return {each.id: summarise(state.cells(each, rows), k=each.k) for each in key_sets}


class _State:
    """Codes of the cells, which suppression makes those of a missing one, and the rows that stay.

    The code of a missing cell is the last of its column (``encode``).
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        key_sets: Sequence[KeySet],
        marginals: Mapping[str, Marginal],
        before: Suppressed | None,
    ) -> None:
        self.keys = {name: encode(frame[name]) for each in key_sets for name in each.keys}
        self.unit = encode(frame[UNIT]) if UNIT in frame.columns else None
        sensitive = {limits.column for each in key_sets for limits in each.sensitive}
        self.senses = {name: ranks(frame[name]) for name in sensitive}
        self.marginals = marginals
        self.stays = np.ones(frame.height, bool)
        self.stars = {
            name: np.zeros(frame.height, bool) for name in starred(key_sets, key_sets[0].table)
        }
        if before is not None:
            self.stays &= ~before.dropped
            for name, flags in before.stars.items():
                self.star(name, np.flatnonzero(flags))

    def star(self, name: str, rows: Places) -> bool:
        """Make the cells of these rows missing; whether any was not."""
        column = self.keys[name]
        there = rows[column.codes[rows] != column.size - 1]
        column.codes[there] = column.size - 1
        self.stars[name][there] = True
        return bool(len(there))

    def missing(self, name: str) -> Places:
        """The rows that stay and have no such cell."""
        column = self.keys[name]
        return np.flatnonzero(self.stays & (column.codes == column.size - 1))

    def cells(self, key_set: KeySet, rows: Places) -> Cells:
        """The classes of these rows."""
        limited = {limits.column for limits in key_set.sensitive}
        senses = {
            name: (_some(self.senses[name][0], rows), self.senses[name][1]) for name in limited
        }
        unit = _some(self.unit, rows) if key_set.unit is not None and self.unit else None
        return cells_of(self.classes(key_set, rows), senses, unit)

    def classes(self, key_set: KeySet, rows: Places) -> Coded:
        """What tells their classes apart."""
        return pack((_some(self.keys[name], rows) for name in key_set.keys), len(rows))

    def failing(self, key_set: KeySet, rows: Places) -> Flags:
        """Boolean per row of ``rows``, which are whole classes: its class does not hold."""
        if not key_set.sensitive and (key_set.unit is None or self.unit is None):
            return rows_below(self.classes(key_set, rows), key_set.k)
        cells = self.cells(key_set, rows)
        broken = violations(
            cells, k=key_set.k, sensitive=key_set.sensitive, marginals=self.marginals
        )
        bad: Flags = broken["any"].to_numpy()[cells.of_row]
        return bad

    def taken(self) -> Suppressed:
        return Suppressed({n: flags & self.stays for n, flags in self.stars.items()}, ~self.stays)


def _some(column: Coded, rows: Places) -> Coded:
    if len(rows) == len(column.codes):
        return column
    return Coded(column.codes[rows], column.size)


def _enforce(state: _State, key_set: KeySet) -> tuple[set[str], bool]:
    """Make one key set hold; the columns that lost cells, and whether rows were dropped."""
    touched: set[str] = set()
    rows = np.flatnonzero(state.stays)
    for column in key_set.star:
        bad = rows[state.failing(key_set, rows)]
        if not len(bad):
            return touched, False
        if state.star(column, bad):
            touched.add(column)
        # Whole classes moved: only classes without a cell here can have changed.
        rows = state.missing(column)
    bad = rows[state.failing(key_set, rows)]
    state.stays[bad] = False
    return touched, bool(len(bad))
