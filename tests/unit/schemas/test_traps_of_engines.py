"""What engines do to values in silence (measured when they were chosen), and our checks do not."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from epc_release.schemas.checks import compile_checks
from epc_release.schemas.parse import PROBLEMS, parse_values
from epc_release.schemas.table import Field, TableSchema


def read(descriptor: dict[str, Any], text: str, exact: bool) -> object:
    field = Field({"name": "x", **descriptor})
    parsed = parse_values(field, [""], pl.Series([text]), exact=exact)
    return PROBLEMS[parsed.problem[0] - 1] if parsed.problem[0] else parsed.values[0]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("descriptor", "text", "expected"),
    [
        ({}, "N/A", "N/A"),  # null by default for pyarrow
        ({}, "NULL", "NULL"),
        ({"type": "number"}, "NaN", "type-number"),  # a float for polars and pyarrow
        ({"type": "number"}, "inf", "type-number"),
        ({"type": "number"}, "12.345", 12.345),  # 12.34 as Decimal(12, 2)
        ({"type": "date"}, "2024-2-3", "type-date"),  # %Y-%m-%d takes it
        ({"type": "date"}, "2024-02-30", "type-date"),
        ({"type": "integer"}, "5.5", "type-integer"),
        ({"type": "integer"}, "9223372036854775808", "type-integer"),
    ],
)
def test_values_are_neither_lost_nor_changed(
    descriptor: dict[str, Any], text: str, expected: object, exact: bool
) -> None:
    assert read(descriptor, text, exact) == expected


def test_a_whole_number_with_a_point_is_five_in_a_build_and_told_in_a_check() -> None:
    assert read({"type": "integer"}, "5.0", exact=False) == 5
    assert read({"type": "integer"}, "5.0", exact=True) == "type-integer"


def test_digits_that_float64_cuts_are_told_in_a_build() -> None:
    assert read({"type": "number"}, "0.12345678901234567", exact=False) == "number-precision"


def test_an_empty_text_is_missing_only_where_it_is_listed() -> None:
    parsed = parse_values(Field({"name": "x"}), ["-"], pl.Series(["", "-"]), exact=True)
    assert parsed.missing.to_list() == [False, True]


def test_floats_of_a_frame_that_are_no_numbers_are_found() -> None:
    schema = TableSchema({"fields": [{"name": "x", "type": "number"}]})
    frame = pl.DataFrame({"x": [1.0, float("nan"), float("inf"), None]})
    (found,) = compile_checks(schema).run(frame)
    assert (found.code, found.count) == ("not-finite", 2)


def test_nulls_pass_set_rules() -> None:
    schema = TableSchema({"fields": [{"name": "x", "constraints": {"enum": ["a"]}}]})
    assert compile_checks(schema).run(pl.DataFrame({"x": ["a", None]})) == ()


def test_exact_text_is_judged_as_it_stands() -> None:
    field = Field({"name": "x", "constraints": {"enum": ["A"]}})
    parsed = parse_values(field, [""], pl.Series(["A", "a", " A", " "]), exact=True)
    assert parsed.values.to_list() == ["A", None, None, None]
    assert not parsed.missing.any()
    plan = compile_checks(TableSchema({"fields": [{"name": "x"}]}), exact=True)
    assert plan.run(pl.DataFrame({"x": ["a\nb"]})) == ()
