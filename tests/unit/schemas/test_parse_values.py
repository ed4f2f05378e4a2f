from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl
import pytest

from epc_release.schemas.parse import PROBLEMS, WARNINGS, Parsed, parse_values
from epc_release.schemas.table import Field


def parse(
    descriptor: dict[str, Any],
    texts: Sequence[str],
    missing: Collection[str] = ("",),
    rewrites: Sequence[tuple[str, str]] = (),
) -> Parsed:
    field = Field({"name": "x", "type": "string", **descriptor})
    return parse_values(field, missing, pl.Series("raw", texts, dtype=pl.String), rewrites)


def problems(parsed: Parsed) -> list[str | None]:
    return [PROBLEMS[number - 1] if number else None for number in parsed.problem]


def warnings(parsed: Parsed) -> list[set[str]]:
    return [
        {code for bit, code in enumerate(WARNINGS) if found >> bit & 1} for found in parsed.warning
    ]


def test_missing_tokens_are_exact_after_white_space() -> None:
    parsed = parse({}, ["", " ", "NO DATA!", " NO  DATA! ", "no data!", "x"], ["", "NO DATA! "])
    assert parsed.missing.to_list() == [True, True, True, True, False, False]
    assert parsed.values.to_list() == [None] * 4 + ["no data!", "x"]
    assert parsed.problem.to_list() == [0] * 6


def test_empty_text_is_missing_only_if_it_is_listed() -> None:
    assert parse({}, [""], ["N/A"]).values.to_list() == [""]
    assert problems(parse({"type": "integer"}, [""], ["N/A"])) == ["type-integer"]


@pytest.mark.parametrize("type_", ["string", "integer", "number", "boolean", "date", "datetime"])
def test_null_is_missing(type_: str) -> None:
    descriptor = {"name": "x", "type": type_}
    parsed = parse_values(Field(descriptor), [], pl.Series([None, "?"], dtype=pl.String))
    assert parsed.missing.to_list() == [True, False]
    assert (parsed.values[0], parsed.problem[0], parsed.warning[0]) == (None, 0, 0)


def test_rewrites_come_before_missing_tokens() -> None:
    parsed = parse({}, ["{}", "a {}", "0007"], [""], [(r"\{\}", ""), ("^0+([1-9])", "${1}")])
    assert parsed.values.to_list() == [None, "a", "7"]
    assert parsed.missing.to_list() == [True, False, False]


def test_text_of_an_enumeration_takes_its_spelling() -> None:
    descriptor = {"constraints": {"enum": ["A", "Mid-Terrace", "Stock X", "Stock x"]}}
    parsed = parse(descriptor, ["a", "MID-TERRACE", "Stock x", "STOCK X", "Z"])
    assert parsed.values.to_list() == ["A", "Mid-Terrace", "Stock x", "Stock X", None]
    assert problems(parsed) == [None, None, None, None, "enum"]


@pytest.mark.parametrize(
    ("descriptor", "text", "code"),
    [
        ({"constraints": {"pattern": "[0-9]{3}"}}, "12", "pattern"),
        ({"constraints": {"minLength": 3}}, "é²", "min-length"),
        ({"constraints": {"maxLength": 1}}, "é²", "max-length"),
        ({"type": "integer", "constraints": {"minimum": 1}}, "0", "minimum"),
        ({"type": "integer", "constraints": {"maximum": "10"}}, "11", "maximum"),
        ({"type": "number", "constraints": {"exclusiveMinimum": 0}}, "0", "exclusive-minimum"),
        ({"type": "number", "constraints": {"exclusiveMaximum": 1}}, "1", "exclusive-maximum"),
        ({"type": "integer", "constraints": {"enum": [1, "2"]}}, "3", "enum"),
        ({"type": "date", "constraints": {"minimum": "2008-10-01"}}, "2008-09-30", "minimum"),
        ({"type": "boolean", "constraints": {"enum": [True]}}, "false", "enum"),
        ({"categories": [{"value": "a", "label": "A"}, "b"]}, "c", "enum"),
        ({"type": "boolean"}, "yes", "type-boolean"),
        ({"type": "date"}, "2024-2-3", "type-date"),
    ],
)
def test_problems_leave_no_value(descriptor: dict[str, Any], text: str, code: str) -> None:
    parsed = parse(descriptor, [text])
    assert problems(parsed) == [code]
    assert parsed.values.to_list() == [None]
    assert parsed.missing.to_list() == [False]


def test_limits_themselves_are_within() -> None:
    descriptor = {"type": "integer", "constraints": {"minimum": 1, "maximum": 3}}
    assert parse(descriptor, ["1", "3"]).values.to_list() == [1, 3]


def test_booleans_have_the_spellings_of_the_schema() -> None:
    descriptor = {"type": "boolean", "trueValues": ["Y"], "falseValues": ["N"]}
    parsed = parse(descriptor, ["Y", "N", "y", "true"])
    assert parsed.values.to_list() == [True, False, None, None]


@pytest.mark.parametrize(
    ("descriptor", "text", "codes"),
    [
        ({"known_values": ["a", "b"]}, "c", {"unknown-category"}),
        ({"known_values": ["a", "b"]}, "b", set()),
        ({"known_values": ["a"]}, "=c", {"unknown-category", "formula-like"}),
        ({"type": "integer", "known_values": [1, 2]}, "3", {"unknown-category"}),
        ({"type": "number", "warn": {"minimum": 0}}, "-0.1", {"warn-minimum"}),
        ({"type": "number", "warn": {"maximum": 100}}, "100.5", {"warn-maximum"}),
        ({"type": "number", "warn": {"maximum": 100}}, "100", set()),
        ({"type": "date", "warn": {"maximum": "2049-12-31"}}, "2050-01-01", {"warn-maximum"}),
        ({"type": "datetime", "format": "%Y-%m-%d %H:%M:%S"}, "2024-01-01 1:2:3", set()),
        (
            {"type": "datetime", "format": "%Y-%m-%d %H:%M:%S"},
            "2024-01-01 01:02:03.4",
            {"sub-second"},
        ),
        ({}, "=1+2", {"formula-like"}),
        ({}, "@SUM(A1)", {"formula-like"}),
        ({}, "-", {"formula-like"}),
        ({}, "+44 20", {"formula-like"}),
        ({}, "-1.", {"formula-like"}),
        ({}, "-1.5x", {"formula-like"}),
        ({}, "-2+3", {"formula-like"}),
        ({}, "-1", set()),
        ({}, "+1.25", set()),
        ({}, "a=b", set()),
        ({"type": "integer"}, "-1", set()),
        ({"constraints": {"required": True}}, "1.23E+32", {"scientific-notation"}),
        ({}, "1.23E+32", set()),
    ],
)
def test_warnings_leave_the_value(descriptor: dict[str, Any], text: str, codes: set[str]) -> None:
    assert warnings(parse(descriptor, [text])) == [codes]


def test_missing_and_wrong_values_do_not_warn() -> None:
    descriptor = {"known_values": ["a"], "constraints": {"maxLength": 2}}
    assert warnings(parse(descriptor, ["", "=long"])) == [set(), set()]


@pytest.mark.parametrize(
    "type_", ["string", "integer", "number", "boolean", "date", "datetime", "year", "time"]
)
def test_no_values_are_no_trouble(type_: str) -> None:
    for texts in ([], ["", ""]):
        parsed = parse({"type": type_}, texts)
        assert parsed.values.null_count() == len(texts)
        assert [parsed.problem.dtype, parsed.warning.dtype] == [pl.UInt8, pl.UInt32]
        assert parsed.missing.to_list() == [True] * len(texts)
