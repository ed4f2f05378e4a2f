"""What a field rule did: against a plain count, however a column is cut in chunks."""

from __future__ import annotations

from functools import reduce
from operator import add

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.ruletally import MOST_DISTINCT, RuleTally, tally

TEXTS = st.sampled_from(["a", "b", "c", ""])
# A rule never makes a value of a missing cell.
CELLS = st.lists(
    st.one_of(st.just((None, None)), st.tuples(TEXTS, st.one_of(st.none(), TEXTS))), max_size=30
)
KINDS = st.sampled_from([pl.String, pl.Categorical])


@given(CELLS, KINDS, KINDS, st.integers(1, 7))
def test_a_tally_is_a_plain_count(
    cells: list[tuple[str | None, str | None]],
    one: type[pl.DataType],
    other: type[pl.DataType],
    size: int,
) -> None:
    parts: list[RuleTally] = []
    for start in range(0, max(1, len(cells)), size):
        chunk = cells[start : start + size]
        before = pl.Series([b for b, _ in chunk], dtype=pl.String).cast(one)
        after = pl.Series([a for _, a in chunk], dtype=pl.String).cast(other)
        parts.append(tally(before, after, 0.5))
    found = reduce(add, parts).told()
    assert found == {
        "rows_in": len(cells),
        "rows_out": len(cells),
        "changed": sum(a is not None and a != b for b, a in cells),
        "nulls_made": sum(a is None and b is not None for b, a in cells),
        "distinct_before": len({b for b, _ in cells} - {None}),
        "distinct_after": len({a for _, a in cells} - {None}),
        "cpu_seconds": 0.5 * len(parts),
    }


@pytest.mark.parametrize("more", [0, 1])
def test_many_values_are_told_apart_up_to_a_bound(more: int) -> None:
    numbers = pl.Series(range(MOST_DISTINCT + more), dtype=pl.Int64)
    halves = [tally(part, part // 2) for part in (numbers[:600], numbers[400:])]
    told = (halves[0] + halves[1]).told()
    assert told["distinct_before"] == (f"more than {MOST_DISTINCT}" if more else MOST_DISTINCT)
    assert told["distinct_after"] == len((numbers // 2).unique())


def test_another_type_is_another_value_and_an_absent_column_is_none() -> None:
    years = pl.Series(["2024", None], dtype=pl.Categorical)
    dated = pl.Series([19_800, None], dtype=pl.Int32).cast(pl.Date)
    assert tally(dated, years).changed == 1
    absent = tally(None, pl.Series([None, None], dtype=pl.String)).told()
    assert (absent["rows_in"], absent["changed"], absent["nulls_made"]) == (2, 0, 0)
    assert absent["distinct_before"] == absent["distinct_after"] == 0
