"""Compiled checks and patterns against plain Python, one value at a time."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.schemas.checks import compile_checks
from epc_release.schemas.checks.keys import duplicates_within, row_digest
from epc_release.schemas.table import TableSchema
from epc_release.schemas.types.patterns import is_common, mismatches

values = st.lists(st.none() | st.text(alphabet="aAbé=+-1.\n", max_size=5), max_size=12)


def violates(code: str, limit: Any, value: str) -> bool:
    match code:
        case "enum":
            return value not in set(limit)
        case "pattern":
            return re.fullmatch(limit, value) is None
        case "min-length":
            return len(value) < int(limit)
        case "max-length":
            return len(value) > int(limit)
        case "line-break":
            return "\n" in value
        case "formula-like":
            number = re.fullmatch(r"[+-][0-9]+(\.[0-9]+)?", value)
            return value.startswith(("=", "+", "-", "@")) and number is None
    raise AssertionError(code)


constraints = st.fixed_dictionaries(
    {},
    optional={
        "enum": st.lists(st.text(alphabet="ab", max_size=2), min_size=1, max_size=3),
        "pattern": st.sampled_from(["a|b", "[ab]+", "(?!a).*", "a.?", "^a$", r"[^\n]*"]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
    },
)


@pytest.mark.parametrize("dtype", [pl.String(), pl.Categorical()])
@given(values, constraints)
def test_text_checks(
    dtype: pl.DataType, column: list[str | None], constraint: dict[str, Any]
) -> None:
    plan = compile_checks(
        TableSchema({"fields": [{"name": "x", "type": "string", "constraints": constraint}]})
    )
    frame = pl.DataFrame({"x": pl.Series(column, dtype=dtype)})
    found = {finding.code: (finding.count, finding.rows) for finding in plan.run(frame)}
    expected = {}
    for check in plan.checks:
        rows = [
            row
            for row, value in enumerate(column)
            if value is not None and violates(check.code, check.limit, value)
        ]
        if rows:
            expected[check.code] = (len(rows), tuple(rows[:5]))
    assert found == expected


limits = st.integers(-3, 3)


@given(
    st.lists(st.none() | st.integers(-5, 5)),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], limits
        ),
    ),
    st.booleans(),
)
def test_bounds(column: list[int | None], constraint: dict[str, int], required: bool) -> None:
    field = {"name": "x", "type": "integer", "constraints": {**constraint, "required": required}}
    frame = pl.DataFrame({"x": pl.Series(column, dtype=pl.Int64)})
    plan = compile_checks(TableSchema({"fields": [field]}))
    found = {finding.code: finding.count for finding in plan.run(frame)}
    present = [value for value in column if value is not None]
    expected = {
        "required": (len(column) - len(present)) * required,
        "minimum": sum(value < constraint.get("minimum", -9) for value in present),
        "maximum": sum(value > constraint.get("maximum", 9) for value in present),
        "exclusive-minimum": sum(
            value <= constraint.get("exclusiveMinimum", -9) for value in present
        ),
        "exclusive-maximum": sum(
            value >= constraint.get("exclusiveMaximum", 9) for value in present
        ),
    }
    assert found == {code: count for code, count in expected.items() if count}


atoms = st.sampled_from(
    [
        "a",
        "B",
        "1",
        ".",
        r"\d",
        r"\D",
        "[ab]",
        "[^a1]",
        "[a-c]",
        "(?:a|b)",
        "(a)",
        r"\.",
        "[.-]",
        "-",
    ]
)
quantifiers = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,}", "{0,2}", "*?", "+?"])
patterns = st.lists(
    st.lists(st.tuples(atoms, quantifiers).map("".join), max_size=4).map("".join),
    min_size=1,
    max_size=3,
).map("|".join)


@given(patterns, st.lists(st.text(alphabet="abBc1.-\n²٣", max_size=5)))
def test_two_engines_read_the_common_patterns_alike(pattern: str, texts: list[str]) -> None:
    assert is_common(pattern)
    frame = pl.DataFrame({"x": pl.Series(texts, dtype=pl.String)})
    found = frame.select(mismatches(pattern, pl.col("x"))).to_series().to_list()
    assert found == [re.fullmatch(pattern, text) is None for text in texts]


@given(st.text(alphabet=r"ab1.*+?{}()[]|^$\&-,~dws#", max_size=10), st.text("ab1&-~", max_size=4))
def test_what_counts_as_common_is_read_alike(pattern: str, text: str) -> None:
    try:
        expected = re.compile(pattern).fullmatch(text) is None
    except (re.error, FutureWarning):
        return
    found = pl.DataFrame({"x": [text]}).select(mismatches(pattern, pl.col("x"))).item()
    assert found == expected


rows = st.lists(
    st.tuples(
        st.none() | st.text(alphabet="ab", max_size=2),
        st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
    ),
    max_size=30,
)
SCHEMA = {"text": pl.String, "whole": pl.Int64, "real": pl.Float64, "flag": pl.Boolean}


@given(rows, st.integers(1, 5))
def test_digests_are_equal_where_rows_are(rows: list[tuple[Any, ...]], chunk: int) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    digests = row_digest(frame)
    assert len(set(digests.rows())) == len(set(rows))
    assert duplicates_within(digests).to_list() == [rows.count(row) > 1 for row in rows]
    coded = frame.with_columns(pl.col("text").cast(pl.Categorical))
    parts = [row_digest(part) for part in coded.iter_slices(chunk)]
    assert pl.concat([digests.clear(), *parts]).equals(digests)
