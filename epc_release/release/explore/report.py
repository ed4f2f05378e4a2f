"""``policy explore``: the lattice on a sample, its frontier exactly, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from epc_release.anonymise.explore.ladders import ladder
from epc_release.anonymise.explore.lattice import Point, climb, frontier, measure, size
from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.told import paths, published_partition
from epc_release.errors import ReleaseError
from epc_release.release.explore.collect import some_partitions
from epc_release.release.report import table as in_columns
from epc_release.schemas.register import Register

MOST_POINTS = 1000


@dataclass(frozen=True)
class Explored:
    """One key set: all points on the sample, and on all records those worth choosing from.

    ``exact`` are the policy's own levels and the finest that are within the ceilings.
    """

    key_set: KeySet
    sample_rows: int
    sample: tuple[Point, ...]
    rows: int
    exact: tuple[Point, ...]

    def __str__(self) -> str:
        limits = (
            f"ceilings {self.key_set.max_cells:.1%} of cells, {self.key_set.max_rows:.2%} of rows"
        )
        head = f"{self.key_set.id} ({self.key_set.table}): k = {self.key_set.k}, {limits}"
        parts = [head]
        for name, rows, points in (
            ("on a sample of whole partitions", self.sample_rows, self.sample),
            ("on all records", self.rows, self.exact),
        ):
            parts += ["", f"{name}, {rows:,} rows", "", _lines(points, self.key_set)]
        return "\n".join(parts)


def explore(
    policy: Policy, register: Register, key_set: KeySet, frame: pl.DataFrame, share: float
) -> Explored:
    """Every combination of levels on a sample of whole partitions, the best of them exactly.

    Raises E197 where there are too many combinations.
    """
    table = register.table(key_set.table)
    fixed = paths(table, policy.tables)
    ladders = {
        key: ladder(policy.tables[table.name][key].rule, fixed=key in fixed) for key in key_set.keys
    }
    if size(ladders) > MOST_POINTS:
        raise ReleaseError("E197", id=key_set.id, count=size(ladders), most=MOST_POINTS)
    part = some_partitions(frame, published_partition(table, policy.tables), share)
    points = tuple(climb(part, key_set, ladders))
    chosen = dict.fromkeys((points[0].heights, *(p.heights for p in frontier(points, key_set))))
    exact = tuple(measure(frame, key_set, ladders, at) for at in chosen)
    return Explored(key_set, len(part), points, len(frame), exact)


def _lines(points: Sequence[Point], key_set: KeySet) -> str:
    moving = [key for key in key_set.keys if len({point.levels[key] for point in points}) > 1]
    rows: list[tuple[object, ...]] = [
        (
            *(point.levels[key] for key in moving),
            point.classes,
            point.k,
            "-" if point.l is None else point.l,
            point.failing,
            f"{point.starred:.2%}",
            f"{point.dropped:.3%}",
            "yes" if point.within(key_set) else "no",
        )
        for point in points
    ]
    head = (*moving, "classes", "k", "l", "rows below", "starred", "dropped", "within")
    return in_columns(head, rows)
