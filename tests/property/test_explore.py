"""The lattice of a key set: ladders only ever join classes, and what is left out is implied."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epc_release.anonymise.explore.ladders import Rung, ladder
from epc_release.anonymise.explore.lattice import climb, frontier, measure
from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.rules import Rule
from epc_release.anonymise.rules.generalise import Generalise
from epc_release.anonymise.rules.numbers import Bin, Round
from epc_release.anonymise.rules.plain import Keep

AREAS = Bin((20, 30, 40, 50, 60, 70, 80))
RULES: dict[str, tuple[Rule, list[Any]]] = {
    "area": (AREAS, [*AREAS.labels, None]),
    "rooms": (Round(1, 8, 1), [1, 2, 3, 4, 5, 6, 7, 8, None]),
    "sector": (Generalise("sector"), ["AB1 2", "AB1 3", "AB10 1", "B1 1", None]),
    "month": (Generalise("month"), ["2024-01", "2024-12", "2025-01", None]),
    "form": (Keep(), ["x", "y", None]),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rung_joins_what_the_one_below_joins(name: str) -> None:
    rule, values = RULES[name]
    rungs = ladder(rule, fixed=False)
    column = pl.Series(name, values)
    levels = [rung.apply(column).to_list() for rung in rungs]
    assert levels[0] == values
    assert levels[-1] == [None] * len(values)
    assert len({len(set(level)) for level in levels}) == len(levels)  # each is coarser
    for fine, coarse in pairwise(levels):
        told: dict[Any, Any] = {}
        assert all(told.setdefault(a, b) == b for a, b in zip(fine, coarse, strict=True))


def test_what_paths_tell_has_one_level() -> None:
    assert [rung.name for rung in ladder(AREAS, fixed=True)] == ["as published"]


def test_merged_bins_hold_the_values_of_the_finer_ones() -> None:
    numbers = pl.Series("area", [float(n) for n in range(0, 100, 5)])
    for rung in ladder(AREAS, fixed=False)[1:-1]:
        for number, label in zip(numbers, rung.apply(AREAS.apply(numbers)), strict=True):
            low, _, high = str(label).partition(" to under ")
            if high:
                assert float(low) <= number < float(high)
            elif label.startswith("under"):
                assert number < float(label.split()[1])
            else:
                assert number >= float(label.split()[0])


ASKED = KeySet(
    "s", "t", "", ("place", "area", "form"), None, 3, (), "suppress", ("area", "form"), 0.2, 0.1,
    0, 1,
)  # fmt: skip
LADDERS: Mapping[str, tuple[Rung, ...]] = {
    "place": ladder(Keep(), fixed=True),
    "area": ladder(AREAS, fixed=False),
    "form": ladder(Keep(), fixed=False),
}


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from(AREAS.labels), st.sampled_from(["x", "y", None])
        ),
        min_size=1,
        max_size=60,
    )
)
def test_what_is_not_looked_at_loses_nothing(rows: list[tuple[Any, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=["place", "area", "form"], orient="row")
    points = {point.heights: point for point in climb(frame, ASKED, LADDERS)}
    for at in product(*(range(len(LADDERS[key])) for key in ASKED.keys)):
        direct = measure(frame, ASKED, LADDERS, at)
        if at in points:
            assert points[at] == direct
        else:
            assert (direct.failing, direct.starred, direct.dropped) == (0, 0, 0)
        assert direct.rows == len(rows)
        assert (direct.k >= 3) == (direct.failing == 0)
    best = frontier(list(points.values()), ASKED)
    assert all(point.within(ASKED) for point in best)
    for one, other in product(best, best):
        coarser = all(a >= b for a, b in zip(one.heights, other.heights, strict=True))
        assert one is other or not coarser
