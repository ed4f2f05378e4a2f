"""Our cells against those of frictionless: equal, but for the differences listed here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from frictionless import Field as TheirField
from hypothesis import given, settings
from hypothesis import strategies as st

from epc_release.schemas.parse import PROBLEMS, parse_values
from epc_release.schemas.table import Field

WRONG = object()


def ours(descriptor: dict[str, Any], text: str) -> object:
    parsed = parse_values(Field({"name": "x", **descriptor}), [""], pl.Series([text]))
    return WRONG if parsed.problem[0] else parsed.values[0]


def theirs(descriptor: dict[str, Any], text: str) -> object:
    """The value of frictionless in our types; it keeps the value where a constraint fails."""
    value, notes = TheirField.from_descriptor({"name": "x", **descriptor}).read_cell(text)
    if notes:
        return WRONG
    return float(value) if isinstance(value, Decimal) else value


CASES = st.one_of(
    st.tuples(st.just({"type": "integer"}), st.integers(-(2**63), 2**63 - 1).map(str)),
    st.tuples(st.just({"type": "integer"}), st.text("0123456789+-x", max_size=8)),
    st.tuples(
        st.just({"type": "number"}),
        st.decimals(-(10**9), 10**9, places=3).map("{:f}".format),
    ),
    st.tuples(st.just({"type": "number"}), st.text("0123456789+-.x", max_size=8)),
    st.tuples(
        st.just({"type": "number"}),
        st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,3}(e[+-]?[0-9]{1,2})?", fullmatch=True),
    ),
    st.tuples(st.just({"type": "date"}), st.dates().map(date.isoformat)),
    st.tuples(
        st.just({"type": "date"}),
        st.from_regex("[0-9]{4}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    ),
    st.tuples(
        st.sampled_from(
            [{"type": "datetime"}, {"type": "datetime", "format": "%Y-%m-%d %H:%M:%S"}]
        ),
        st.datetimes().map(lambda value: value.replace(microsecond=0).isoformat(" ")),
    ),
    st.tuples(
        st.just({"type": "boolean"}),
        st.sampled_from(["true", "True", "TRUE", "1", "false", "0", "yes", "Y", "tRUE"]),
    ),
    st.tuples(
        st.sampled_from(
            [
                {"type": "string", "constraints": {"enum": ["a", "b"]}},
                {"type": "string", "constraints": {"pattern": "[ab]{2}"}},
                {"type": "string", "constraints": {"minLength": 2, "maxLength": 3}},
            ]
        ),
        st.text("abc²", max_size=4),
    ),
    st.tuples(
        st.sampled_from(
            [
                {"type": "integer", "constraints": {"minimum": 2, "maximum": 5}},
                {"type": "integer", "constraints": {"enum": [1, 3]}},
            ]
        ),
        st.integers(0, 7).map(str),
    ),
)


@settings(max_examples=1000)
@given(CASES)
def test_the_same_value_and_the_same_verdict(case: tuple[dict[str, Any], str]) -> None:
    descriptor, text = case
    assert ours(descriptor, text) == theirs(descriptor, text)


SECONDS = {"type": "datetime", "format": "%Y-%m-%d %H:%M:%S"}
DIFFERENCES = [
    # descriptor, text, ours, theirs, why
    ({"type": "integer"}, "5.0", 5, WRONG, "registers write whole numbers so (domain)"),
    ({"type": "integer"}, "1_000", WRONG, 1000, "the specification has no underscores"),
    ({"type": "integer"}, "٣", WRONG, 3, "the specification has ASCII digits"),
    ({"type": "integer"}, str(2**63), WRONG, 2**63, "Parquet's widest integer has 64 bits"),
    ({"type": "number"}, "NaN", WRONG, "nan", "no value to publish (design, contract)"),
    ({"type": "number"}, "INF", WRONG, float("inf"), "no value to publish (design, contract)"),
    ({"type": "number"}, "1e309", WRONG, float("inf"), "float64 cannot hold it"),
    ({"type": "number"}, "1_0", WRONG, 10.0, "the specification has no underscores"),
    ({"type": "number"}, "0.12345678901234567", WRONG, 0.12345678901234567, "no digit is cut"),
    ({"type": "number", "bareNumber": False}, "£.5", 0.5, 5.0, "theirs drops the point"),
    ({"type": "number", "groupChar": ","}, "1,,2", WRONG, 12.0, "groups stand between digits"),
    ({"type": "date"}, "2024-2-3", WRONG, date(2024, 2, 3), "ISO 8601 is zero-padded"),
    ({"type": "date"}, " 2024-02-03", date(2024, 2, 3), WRONG, "white space is no content"),
    (SECONDS, "2024-02-03 1:2:3", WRONG, datetime(2024, 2, 3, 1, 2, 3), "zero-padded"),
    (SECONDS, "2024-02-03", datetime(2024, 2, 3), WRONG, "a date alone is midnight (domain)"),
    (
        {"type": "datetime"},
        "2024-07-03T10:00:00Z",
        datetime(2024, 7, 3, 11),
        datetime(2024, 7, 3, 10, tzinfo=UTC),
        "published as local time without zone",
    ),
    ({"type": "string"}, "a\r\n b", "a b", "a\r\n b", "one record, one line"),
    ({"type": "string", "constraints": {"enum": ["A"]}}, "a", "A", WRONG, "spelling is mended"),
    ({"type": "string", "constraints": {"pattern": "a|b"}}, "ac", WRONG, "ac", "whole value"),
]


@pytest.mark.parametrize(("descriptor", "text", "own", "other", "why"), DIFFERENCES)
def test_deliberate_differences(
    descriptor: dict[str, Any], text: str, own: object, other: object, why: str
) -> None:
    assert ours(descriptor, text) == own, why
    found = theirs(descriptor, text)
    assert found == other or str(found) == other, why
    assert own is not other


def test_every_code_is_known() -> None:
    assert len(set(PROBLEMS)) == len(PROBLEMS) < 255
