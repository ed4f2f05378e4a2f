from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from epc_release.schemas.table import Field
from epc_release.schemas.types import PROBLEMS, read_text


def read(descriptor: dict[str, Any], text: str) -> object:
    """The value of a text, or the code of its problem."""
    typed = read_text(Field({"name": "x", **descriptor}), pl.Series([text]))
    if typed.problems[0]:
        assert typed.values[0] is None
        return PROBLEMS[typed.problems[0] - 1]
    return typed.values[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("+5", 5),
        ("-99", -99),
        ("007", 7),
        ("5.0", 5),
        ("5.", 5),
        ("-5.000", -5),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", "type-integer"),
        ("9223372036854775808.0", "type-integer"),
        ("5.5", "type-integer"),
        ("5.01", "type-integer"),
        ("5e3", "type-integer"),
        ("1_000", "type-integer"),
        ("1,000", "type-integer"),
        ("٣", "type-integer"),
        ("5 ", "type-integer"),
        ("x5", "type-integer"),
        ("--5", "type-integer"),
        ("", "type-integer"),
    ],
)
def test_integers(text: str, expected: object) -> None:
    assert read({"type": "integer"}, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.345", 12.345),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("1.50000000000000000000", 1.5),
        ("0000000000000000000012.5", 12.5),
        ("100000000000000000000000", 1e23),
        ("0.30000000000000004", 0.1 + 0.2),
        ("1.2300000000000000000e4", 12300.0),
        ("0e0", 0.0),
        ("nan", "type-number"),
        ("NaN", "type-number"),
        ("inf", "type-number"),
        ("-Infinity", "type-number"),
        ("1e999", "type-number"),
        ("1_0", "type-number"),
        ("0x10", "type-number"),
        (".", "type-number"),
        ("1e", "type-number"),
        ("1.5.2", "type-number"),
        ("£5", "type-number"),
        ("82.40000000000001", "number-precision"),
        ("0.12345678901234567890", "number-precision"),
        ("12345678901234567", "number-precision"),
        ("0.1000000000000000055511151231257827", "number-precision"),
        ("1e-400", "number-precision"),
        ("1.2345e-320", "number-precision"),
    ],
)
def test_numbers(text: str, expected: object) -> None:
    assert read({"type": "number"}, text) == expected


def test_minus_zero_is_zero() -> None:
    value = read({"type": "number"}, "-0.0")
    assert isinstance(value, float)
    assert math.copysign(1, value) == 1


@pytest.mark.parametrize(
    ("descriptor", "text", "expected"),
    [
        ({"type": "integer", "groupChar": ","}, "1,234,567", 1234567),
        ({"type": "integer", "groupChar": ","}, ",123", "type-integer"),
        ({"type": "integer", "groupChar": ","}, "1,,2", "type-integer"),
        ({"type": "integer", "groupChar": ","}, "12,", "type-integer"),
        ({"type": "number", "groupChar": ".", "decimalChar": ","}, "1.234,5", 1234.5),
        ({"type": "number", "groupChar": ".", "decimalChar": ","}, "1,234.5", "type-number"),
        ({"type": "number", "decimalChar": ","}, "1.5", "type-number"),
        ({"type": "number", "decimalChar": ","}, "1,5", 1.5),
        ({"type": "number", "bareNumber": False}, "£12.50", 12.5),
        ({"type": "number", "bareNumber": False}, "-12.5 %", -12.5),
        ({"type": "number", "bareNumber": False}, "£.5", 0.5),
        ({"type": "integer", "bareNumber": False}, "95%", 95),
        ({"type": "integer", "bareNumber": False}, "n/a", "type-integer"),
        ({"type": "number"}, "95%", "type-number"),
    ],
)
def test_spelling_of_numbers(descriptor: dict[str, Any], text: str, expected: object) -> None:
    assert read(descriptor, text) == expected
