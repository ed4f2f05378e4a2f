"""The lattice of a key set: every combination of levels of its keys, and what each would cost.

A combination whose classes all hold loses nothing, and neither does any that is coarser in every
key: these are not looked at (Samarati 2001, LeFevre et al. 2005). Of the others suppression is
carried out, in memory only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import polars as pl

from epc_release.anonymise.explore.ladders import AS_PUBLISHED, Rung
from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.risk import marginal, summarise, tabulate
from epc_release.anonymise.suppression import UNIT, failing, suppress

Heights = tuple[int, ...]


@dataclass(frozen=True)
class Point:
    """One combination: ``levels`` by key; ``heights`` are their places on the ladders.

    ``k``, ``l`` (least of the sensitive columns; None without one) and ``classes`` are as they are
    before suppression; ``rows`` and ``failing`` count rows; ``starred`` and ``dropped`` are the
    shares of starrable cells and of rows that suppression would take.
    """

    levels: Mapping[str, str]
    heights: Heights
    rows: int
    classes: int
    k: int
    l: int | None  # noqa: E741  (the measure's name)
    failing: int
    starred: float
    dropped: float

    def within(self, key_set: KeySet) -> bool:
        """Whether the key set's ceilings allow it."""
        return self.starred <= key_set.max_cells and self.dropped <= key_set.max_rows


def size(ladders: Mapping[str, Sequence[Rung]]) -> int:
    """How many combinations there are."""
    return prod(len(rungs) for rungs in ladders.values())


def climb(
    frame: pl.DataFrame, key_set: KeySet, ladders: Mapping[str, Sequence[Rung]]
) -> Iterator[Point]:
    """Every combination that is not implied by one that loses nothing, finest first.

    ``frame`` has the published keys and sensitive columns and ``UNIT`` where units are counted.
    """
    clean: list[Heights] = []
    heights = product(*(range(len(ladders[key])) for key in key_set.keys))
    for at in sorted(heights, key=lambda found: (sum(found), found)):
        if any(_over(at, below) for below in clean):
            continue
        point = measure(frame, key_set, ladders, at)
        if not point.failing:
            clean.append(at)
        yield point


def measure(
    frame: pl.DataFrame, key_set: KeySet, ladders: Mapping[str, Sequence[Rung]], at: Heights
) -> Point:
    """One combination."""
    rungs = {key: ladders[key][height] for key, height in zip(key_set.keys, at, strict=True)}
    changed = frame.with_columns(
        rung.apply(frame[key]).alias(key)
        for key, rung in rungs.items()
        if rung.name != AS_PUBLISHED
    )
    columns = [limits.column for limits in key_set.sensitive]
    cells = tabulate(changed, key_set.keys, columns, UNIT if key_set.unit else None)
    whole = marginal(cells)
    summary = summarise(cells, k=key_set.k)
    bad = int(failing(changed, key_set, whole).sum())
    starred = dropped = 0
    starrable = sum(len(changed) - changed[name].null_count() for name in key_set.star)
    if bad and key_set.action == "suppress":
        taken = suppress(changed, [key_set], whole)
        starred = sum(int(flags.sum()) for flags in taken.stars.values())
        dropped = int(taken.dropped.sum())
    return Point(
        levels={key: rung.name for key, rung in rungs.items()},
        heights=at,
        rows=len(changed),
        classes=summary.classes,
        k=summary.least or 0,
        l=min((worst.l for worst in summary.sensitive.values() if worst.l), default=None),
        failing=bad,
        starred=starred / max(1, starrable),
        dropped=dropped / max(1, len(changed)),
    )


def frontier(points: Sequence[Point], key_set: KeySet) -> list[Point]:
    """The finest combinations within the ceilings: none of them is coarser than another."""
    allowed = [point for point in points if point.within(key_set)]
    return [
        point
        for point in allowed
        if not any(other is not point and _over(point.heights, other.heights) for other in allowed)
    ]


def _over(at: Heights, below: Heights) -> bool:
    return all(a >= b for a, b in zip(at, below, strict=True))
