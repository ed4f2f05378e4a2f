"""Field rules for any value: pseudonyms are the standard's, and nothing finer gets out."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.rules.generalise import DATE_LEVELS, POSTCODE_LEVELS, Generalise
from epc_release.anonymise.rules.numbers import Bin, Round
from epc_release.anonymise.rules.plain import KeepKnown
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.schemas.table import Field

texts = st.lists(st.none() | st.text(st.characters(codec="utf-8")), max_size=20)
keys = st.integers(0, 2**64).map(lambda seed: hashlib.sha256(str(seed).encode()).digest())
postcodes = st.lists(st.none() | st.from_regex(r"\s?[A-Za-z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}",
                                               fullmatch=True) | st.text(max_size=8))  # fmt: skip
numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)


@given(keys, st.sampled_from(["certificate", "uprn"]), texts)
def test_pseudonyms_equal_the_standard_library(
    secret: bytes, kind: str, values: list[str | None]
) -> None:
    own = hmac.new(secret, f"pseudonym:{kind}".encode(), hashlib.sha256).hexdigest().encode()
    expected = [
        None if v is None else hmac.new(own, v.encode(), hashlib.sha256).hexdigest()[:32]
        for v in values
    ]
    series = pl.Series("x", values, dtype=pl.String)
    keyring = Keyring(secret)
    assert Pseudonymise(kind).apply(series, keyring).to_list() == expected
    assert Pseudonymise(kind).apply(series.cast(pl.Categorical), keyring).to_list() == expected


@given(postcodes, st.sampled_from(sorted(POSTCODE_LEVELS)))
def test_a_postcode_is_generalised_or_missing(values: list[str | None], to: str) -> None:
    made = Generalise(to).apply(pl.Series("x", values, dtype=pl.String)).to_list()
    for value, coarse in zip(values, made, strict=True):
        if coarse is not None:
            assert value is not None
            assert re.fullmatch(POSTCODE_LEVELS[to], coarse)
            compact = "".join(value.upper().split())
            assert compact.startswith(coarse.replace(" ", ""))
            assert len(compact) - len(coarse.replace(" ", "")) >= 2


@given(st.lists(st.none() | st.dates(date(1, 1, 1))), st.sampled_from(sorted(DATE_LEVELS)))
def test_a_date_tells_its_period_only(values: list[date | None], to: str) -> None:
    made = Generalise(to).apply(pl.Series("x", values, dtype=pl.Date)).to_list()
    for value, coarse in zip(values, made, strict=True):
        assert (value is None) == (coarse is None)
        if value and coarse:
            assert re.fullmatch(DATE_LEVELS[to], coarse)
            same = Generalise(to).apply(pl.Series([_last_day(value, to)])).to_list()
            assert same == [coarse]


def _last_day(value: date, to: str) -> date:
    month = {"month": value.month, "quarter": (value.month + 2) // 3 * 3, "year": 12}[to]
    return date(value.year, month, 28)


@given(
    st.lists(st.none() | numbers),
    st.lists(st.integers(-1000, 1000), min_size=1, unique=True).map(sorted),
)
def test_a_bin_holds_its_value(values: list[float | None], edges: list[int]) -> None:
    rule = Bin(tuple(edges))
    made = rule.apply(pl.Series("x", values, dtype=pl.Float64)).to_list()
    for value, label in zip(values, made, strict=True):
        assert (value is None) == (label is None)
        if value is not None:
            assert label == rule.labels[sum(edge <= value for edge in edges)]
    described = rule.field(Field({"name": "x", "type": "number"}))
    assert set(made) - {None} <= set(described["constraints"]["enum"])


@given(
    st.lists(st.none() | numbers),
    st.sampled_from([0.1, 0.5, 1, 5, 20, 50]),
    st.sampled_from([(None, None), (0, 1000), (-100, 200)]),
)
def test_a_rounded_number_is_a_multiple_within_limits(
    values: list[float | None], to: float, limits: tuple[int | None, int | None]
) -> None:
    rule = Round(*limits, to)
    made = rule.apply(pl.Series("x", values, dtype=pl.Float64))
    assert rule.apply(made).to_list() == made.to_list()
    for value, found in zip(values, made.to_list(), strict=True):
        assert (value is None) == (found is None)
        if value is None or found is None:
            continue
        assert Decimal(repr(found)) % Decimal(str(to)) == 0
        assert limits[0] is None or limits[0] <= found <= (limits[1] or 0)
        if limits[0] is None:
            assert abs(found - value) <= to / 2 + abs(value) * 1e-9


@given(st.lists(st.none() | st.integers(-(10**6), 10**6)), st.integers(1, 100))
def test_a_rounded_integer(values: list[int | None], to: int) -> None:
    made = Round(None, None, to).apply(pl.Series("x", values, dtype=pl.Int64)).to_list()
    for value, found in zip(values, made, strict=True):
        assert (value is None) == (found is None)
        if value is not None and found is not None:
            assert found % to == 0
            assert abs(found - value) * 2 <= to
            assert abs(found - value) * 2 < to or abs(found) > abs(value)


@given(texts, st.booleans())
def test_only_the_list_s_own_words_come_out(values: list[str | None], categorical: bool) -> None:
    series = pl.Series("x", [*values, "fLaT "], dtype=pl.String)
    if categorical:
        series = series.cast(pl.Categorical)
    made = KeepKnown(("Flat", "Ty")).apply(series).to_list()
    assert set(made) <= {"Flat", "Ty", None}
    assert made[-1] == "Flat"
