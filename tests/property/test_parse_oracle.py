"""Parsing against a slow oracle of Decimal and datetime, one value at a time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from epc_release.schemas.parse import PROBLEMS, derive_band, parse_values
from epc_release.schemas.table import Field

LONDON = ZoneInfo("Europe/London")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"

texts = st.one_of(
    st.text(alphabet="0123456789+-.eE", max_size=24),
    st.integers(-(2**65), 2**65).map(str),
    st.integers().map("{}.0".format),
    st.floats().map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.17g}".format),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["nan", "inf", "-Infinity", "1_000", "٣", "0x1", "1e400", "1e-400", "5."]),
)


def read(type_: str, values: list[str], form: str = "default") -> list[object]:
    """Values, or codes of problems."""
    field = Field({"name": "x", "type": type_, "format": form})
    parsed = parse_values(field, [], pl.Series(values, dtype=pl.String))
    return [
        PROBLEMS[problem - 1] if problem else value
        for value, problem in zip(parsed.values, parsed.problem, strict=True)
    ]


def integer(text: str) -> object:
    found = re.fullmatch(r"([+-]?[0-9]+)(?:\.0*)?", text)
    fits = found is not None and -(2**63) <= int(found[1]) < 2**63
    return int(found[1]) if found and fits else "type-integer"


def number(text: str) -> object:
    if not NUMBER.fullmatch(text):
        return "type-number"
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return "type-number"
    return value if Decimal(repr(value)) == Decimal(text) else "number-precision"


@given(st.lists(texts))
@example(["9223372036854775807", "9223372036854775808", "-9223372036854775808.000", "+.0", "."])
def test_integers(values: list[str]) -> None:
    assert read("integer", values) == [integer(value) for value in values]


@given(st.lists(texts))
@example(["5e-324", "2.2250738585072014e-308", "1e22", "1e23", "0e5", "-0", "000", "0.0e-9999"])
def test_numbers(values: list[str]) -> None:
    assert read("number", values) == [number(value) for value in values]


pieces = st.one_of(
    st.dates().map(date.isoformat),
    st.datetimes().map(lambda value: value.isoformat(" ")),
    st.datetimes().map(lambda value: value.isoformat("T", "seconds")),
    st.text(alphabet="0123456789-", min_size=8, max_size=10),
    st.from_regex(r"[012][0-9]{3}-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True),
)


def day(text: str) -> object:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return "type-date"
    try:
        return date(*map(int, text.split("-")))
    except ValueError:
        return "type-date"


@given(st.lists(pieces))
def test_dates(values: list[str]) -> None:
    assert read("date", values) == [day(value) for value in values]


MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(Z|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)


def moment(text: str) -> object:
    found = MOMENT.fullmatch(text)
    if not found:
        return "type-datetime"
    year, month, dom, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micro = int((found[7] or "")[:6].ljust(6, "0"))
    try:
        value = datetime(year, month, dom, hour, minute, second, micro)
        if found[8] is None:
            return value
        hours, minutes = int(found[10] or 0), int(found[11] or 0)
        if hours > 23 or minutes > 59:
            return "type-datetime"
        offset = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-offset if found[9] == "-" else offset)
        return value.replace(tzinfo=zone).astimezone(LONDON).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return "type-datetime"


zones = st.sampled_from(["", "Z", "+01:00", "-0530", "+00:00", "+2359", "+24:00", "+01"])
stamps = st.one_of(
    pieces,
    st.tuples(
        # Before 1848 London kept its own mean time; from 2100 on polars knows no summer time.
        st.datetimes(min_value=datetime(1848, 1, 1), max_value=datetime(2099, 12, 30)).map(
            lambda value: value.isoformat(" ")
        ),
        zones,
    ).map("".join),
    st.from_regex(
        r"2024-(?:0[1-9]|1[0-9])-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]"
        r"(?::[0-6][0-9](?:\.[0-9]{1,9})?)?",
        fullmatch=True,
    ),
)


@given(st.lists(stamps))
@example(["2024-03-31 00:30:00Z", "2024-03-31 01:00:00Z", "2024-10-27 00:59:59Z"])
def test_timestamps(values: list[str]) -> None:
    assert read("datetime", values) == [moment(value) for value in values]


@given(st.lists(st.text(alphabet=SPACES + "aé=²", max_size=12)))
def test_text_is_on_one_line_and_squeezed(values: list[str]) -> None:
    assert read("string", values) == [" ".join(value.split()) for value in values]


@given(
    st.lists(st.text(alphabet="ab \t", max_size=3)),
    st.lists(st.text(alphabet="ab ", max_size=3), max_size=3),
)
def test_rows_are_conserved_and_each_is_one_thing(values: list[str], missing: list[str]) -> None:
    field = Field({"name": "x", "type": "string", "constraints": {"enum": ["a", "B"]}})
    parsed = parse_values(field, missing, pl.Series(values, dtype=pl.String))
    for value, problem, absent in zip(parsed.values, parsed.problem, parsed.missing, strict=True):
        assert [value is not None, problem > 0, absent].count(True) == 1
    assert len(parsed.values) == len(values)


@given(st.floats(-1e6, 1e6) | st.integers(-5, 110).map(lambda whole: whole + 0.5) | st.none())
def test_bands_are_those_of_the_score_rounded_half_up(score: float | None) -> None:
    bands: list[tuple[str, int | None, int | None]] = [
        ("G", None, 20),
        ("F", 21, 38),
        ("E", 39, 54),
        ("D", 55, None),
    ]
    found = pl.select(derive_band({"bands": bands}, pl.Series([score], dtype=pl.Float64))).item()
    if score is None:
        assert found is None
        return
    whole = int((Decimal(score) + Decimal("0.5")).to_integral_value("ROUND_FLOOR"))
    low, high = {label: (low, high) for label, low, high in bands}[found]
    assert low is None or low <= whole
    assert high is None or whole <= high


def test_the_oracle_knows_the_zone() -> None:
    assert moment("2024-07-01 12:00:00Z") == datetime(2024, 7, 1, 12, tzinfo=UTC).astimezone(
        LONDON
    ).replace(tzinfo=None)
