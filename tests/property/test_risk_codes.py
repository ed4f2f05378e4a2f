"""Codes of columns: equal exactly where the values are, whatever the type; ranks keep the order."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.risk.codes import encode, ranks

WHOLE: dict[type[pl.DataType], int] = {pl.Int8: 7, pl.Int64: 63, pl.UInt8: 8, pl.UInt64: 64}
TEXTS = st.lists(st.none() | st.text("abc", max_size=3), max_size=200)


def same(series: pl.Series) -> None:
    coded, values = encode(series), series.to_list()
    assert len(coded.codes) == len(values)
    assert all(code < coded.size for code in coded.codes.tolist())
    pairs = set(zip(coded.codes.tolist(), values, strict=True))
    assert len(pairs) == len(set(values)) == len(set(coded.codes.tolist()))
    if None in values:  # the last code is a missing value's, which suppression relies on
        assert (coded.size - 1, None) in pairs


@pytest.mark.parametrize("dtype", WHOLE)
@given(data=st.data(), near=st.booleans())
def test_whole_numbers(dtype: type[pl.DataType], data: st.DataObject, near: bool) -> None:
    bits = WHOLE[dtype]
    low = 0 if dtype.is_unsigned_integer() else -(2**bits)
    top = 2**bits - 1
    start = data.draw(st.integers(low, top))
    numbers = st.integers(start, min(top, start + 300)) if near else st.integers(low, top)
    same(pl.Series(data.draw(st.lists(st.none() | numbers, max_size=200)), dtype=dtype))


@given(texts=TEXTS)
def test_texts_and_categories(texts: list[str | None]) -> None:
    same(pl.Series(texts, dtype=pl.String))
    same(pl.Series(texts, dtype=pl.Categorical))
    same(pl.Series(texts, dtype=pl.Enum(sorted({*filter(None, texts), "", "unused"}))))


@given(texts=TEXTS)
def test_ranks_are_places_in_the_sorted_values(texts: list[str | None]) -> None:
    for dtype in (pl.String, pl.Categorical):
        coded, values = ranks(pl.Series(texts, dtype=dtype))
        known = sorted({text for text in texts if text is not None})
        assert values.to_list() == [*known, *([None] if None in texts else [])]
        assert values.gather(coded.codes).to_list() == texts


@given(start=st.integers(0, 10**6), picked=st.lists(st.integers(0, 60_000), max_size=100))
def test_of_a_long_code_list_only_what_is_there_takes_room(start: int, picked: list[int]) -> None:
    series = pl.Series([start + each for each in picked], dtype=pl.Int64)
    same(series)
    assert encode(series).size <= max(66, len(set(picked)) + 1)
