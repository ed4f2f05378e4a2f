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

import numpy as np
import polars as pl

from epc_release.anonymise.classes import (
    Flags,
    Places,
    breaks,
    codes_of,
    pack,
    sense,
    too_few,
    units_of,
)
from epc_release.anonymise.keysets import KeySet, starred

UNIT = "__unit"


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
    marginals: Mapping[str, pl.DataFrame],
    before: Suppressed | None = None,
) -> Suppressed:
    """Make the key sets of one table hold among its rows.

    ``frame`` has the published key and sensitive columns and, where a key set counts units,
    ``UNIT`` (UInt64 digests, null without one). ``marginals``: by sensitive column its distribution
    over the whole table (columns ``value`` and ``n``). What ``before`` took away stays away. Key
    sets that fail a build rather than suppress are not enforced.
    """
    due = [each for each in key_sets if each.action == "suppress"]
    state = _State(frame, key_sets, marginals, before)
    waiting = list(due)
    while waiting:
        key_set = waiting.pop(0)
        columns, rows_went = _enforce(state, key_set)
        for other in due:
            touched = rows_went or not columns.isdisjoint(other.keys)
            if other is not key_set and other not in waiting and touched:
                waiting.append(other)
    return state.taken()


def failing(frame: pl.DataFrame, key_set: KeySet, marginals: Mapping[str, pl.DataFrame]) -> Flags:
    """Boolean per row: its class does not hold what the key set asks for."""
    return _State(frame, [key_set], marginals, None).failing(key_set, np.arange(frame.height))


class _State:
    """Codes of the cells (0: missing), which suppression makes 0, and the rows that stay."""

    def __init__(
        self,
        frame: pl.DataFrame,
        key_sets: Sequence[KeySet],
        marginals: Mapping[str, pl.DataFrame],
        before: Suppressed | None,
    ) -> None:
        keys = {name for each in key_sets for name in each.keys}
        self.codes = {name: codes_of(frame[name]) for name in keys}
        self.units = units_of(frame[UNIT]) if UNIT in frame.columns else None
        self.senses = {
            (each.id, limits.column): sense(limits, frame[limits.column], marginals[limits.column])
            for each in key_sets
            for limits in each.sensitive
        }
        self.stays = np.ones(frame.height, bool)
        self._first = {
            name: self.codes[name].copy() for name in starred(key_sets, key_sets[0].table)
        }
        if before is not None:
            self.stays &= ~before.dropped
            for name, flags in before.stars.items():
                self.codes[name][flags] = 0

    def failing(self, key_set: KeySet, rows: Places) -> Flags:
        """Boolean per row of ``rows``, which are whole classes: its class does not hold."""
        packed = pack([self.codes[name][rows] for name in key_set.keys])
        classes, of_row = np.unique(packed, return_inverse=True)
        units = self.units[rows] if key_set.unit is not None and self.units is not None else None
        bad = too_few(len(classes), of_row, units, key_set.k)
        for limits in key_set.sensitive:
            column = self.senses[key_set.id, limits.column]
            bad |= breaks(len(classes), of_row, column.of(rows))
        return bad[of_row]

    def taken(self) -> Suppressed:
        stars = {
            name: (first != self.codes[name]) & self.stays for name, first in self._first.items()
        }
        return Suppressed(stars, ~self.stays)


def _enforce(state: _State, key_set: KeySet) -> tuple[set[str], bool]:
    """Make one key set hold; the columns that lost cells, and whether rows were dropped."""
    touched: set[str] = set()
    rows = np.flatnonzero(state.stays)
    for column in key_set.star:
        bad = rows[state.failing(key_set, rows)]
        if not len(bad):
            return touched, False
        codes = state.codes[column]
        if codes[bad].any():
            touched.add(column)
            codes[bad] = 0
        # Whole classes moved: only classes without a cell here can have changed.
        rows = np.flatnonzero(state.stays & (codes == 0))
    bad = rows[state.failing(key_set, rows)]
    state.stays[bad] = False
    return touched, bool(len(bad))
