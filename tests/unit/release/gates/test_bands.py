"""Rows against the previous release: recoded authorities are no alarm, lost ones are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.gates.previous import (
    FEWER,
    MORE,
    VANISHED,
    TableRows,
    alarm,
    band_breaches,
)
from epc_release.schemas.gates import PreviousGates
from epc_release.schemas.load import load_codelist

BANDS = PreviousGates()
CODES = "ABCDEFGH"


def table(partitions: dict[str | None, int], years: dict[str, int] | None = None) -> TableRows:
    return TableRows(sum(partitions.values()), "place", partitions, years or {})


def codes(
    before: dict[str | None, int],
    now: dict[str | None, int],
    successors: dict[str, tuple[str, ...]] | None = None,
) -> list[tuple[str, str]]:
    found = band_breaches("t", table(before), table(now), BANDS, successors or {})
    return [(breach.code, breach.where) for breach in found]


@st.composite
def reviews(
    draw: st.DrawFn,
) -> tuple[dict[str | None, int], dict[str | None, int], dict[str, tuple[str, ...]]]:
    """Rows by partition, successors without a circle, and the rows after rows moved along them."""
    before: dict[str | None, int] = draw(
        st.dictionaries(st.sampled_from([*CODES, None]), st.integers(1, 5000), min_size=1)
    )
    successors = {
        code: tuple(draw(st.lists(st.sampled_from(CODES[n + 1 :]), unique=True, max_size=3)))
        for n, code in enumerate(CODES[:-1])
    }
    now = dict(before)
    for code in CODES:
        for later in successors.get(code, ()):
            moved = draw(st.integers(0, now.get(code, 0)))
            now[code] = now.get(code, 0) - moved
            now[later] = now.get(later, 0) + moved
    return before, {code: n for code, n in now.items() if n}, successors


@given(reviews())
def test_rows_that_only_move_to_successors_are_no_alarm(
    review: tuple[dict[str | None, int], dict[str | None, int], dict[str, tuple[str, ...]]],
) -> None:
    assert codes(*review) == []


@given(reviews(), st.data())
def test_what_is_lost_beside_a_review_is_an_alarm(
    review: tuple[dict[str | None, int], dict[str | None, int], dict[str, tuple[str, ...]]],
    data: st.DataObject,
) -> None:
    before, now, successors = review
    lost = data.draw(st.integers(10, 5000))
    found = codes({**before, "Z": lost}, now, successors)
    assert (VANISHED, "place Z") in found


@given(st.integers(100, 10**7), st.integers(0, 2 * 10**7))
def test_outside_the_band_is_an_alarm_and_inside_is_none(before: int, now: int) -> None:
    inside = 0.8 * before <= now <= 1.5 * before
    assert (alarm(before, now, BANDS) is None) == inside


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (9, 0, None),
        (10, 0, VANISHED),
        (99, 10, None),
        (100, 79, FEWER),
        (0, 150, None),
        (0, 151, MORE),
    ],
)
def test_small_partitions(before: int, now: int, expected: str | None) -> None:
    assert alarm(before, now, BANDS) == expected


def test_real_reorganisations_are_no_alarm_and_a_lost_successor_is() -> None:
    successors = dict(load_codelist("local-authorities").successors)
    before: dict[str | None, int] = dict.fromkeys(("E07000026", "E07000028", "E07000029"), 9000)
    before["E06000001"] = 5000
    assert codes(before, {"E06000063": 27100, "E06000001": 5000}, successors) == []
    gone = codes(before, {"E06000001": 5000}, successors)
    assert (VANISHED, "place E07000026") in gone
    half = codes(before, {"E06000063": 13000, "E06000001": 5000}, successors)
    group = "place E06000063 + E07000026 + E07000028 + E07000029"
    assert half == [(FEWER, "(whole table)"), (FEWER, group)]


def test_a_year_may_grow_and_may_not_shrink() -> None:
    before = table({"A": 3000}, {"2008": 5, "2023": 1000, "2024": 1000, "2025": 995})
    now = table({"A": 3000}, {"2023": 700, "2025": 5000})
    found = [(b.code, b.where) for b in band_breaches("t", before, now, BANDS, {})]
    assert found == [(FEWER, "year 2023"), (VANISHED, "year 2024")]


def test_a_table_that_is_gone_is_one_breach() -> None:
    before = table({"A": 500, "B": 500}, {"2024": 1000})
    (breach,) = band_breaches("t", before, TableRows(0), BANDS, {})
    assert (breach.code, breach.where, breach.count, breach.of) == (
        VANISHED,
        "(whole table)",
        0,
        1000,
    )
    assert breach.limit == "at least 1"


def test_other_partition_columns_are_not_compared() -> None:
    before = TableRows(500, "place", {"A": 500})
    now = TableRows(500, "region", {"N": 500})
    assert list(band_breaches("t", before, now, BANDS, {})) == []
