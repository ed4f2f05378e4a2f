from __future__ import annotations

import pickle
from datetime import date
from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.checks import Finding, compile_checks
from epc_release.schemas.checks.check import Severity
from epc_release.schemas.table import TableSchema

TEXT = pl.String()
CODED = pl.Categorical()


def run(
    field: dict[str, Any], values: list[Any], dtype: pl.DataType, **schema: Any
) -> dict[str, Finding]:
    described = TableSchema({"fields": [{"name": "x", **field}], **schema})
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    return {finding.code: finding for finding in compile_checks(described).run(frame)}


@pytest.mark.parametrize("dtype", [TEXT, CODED, pl.Enum(["a", "b", "=c", "long", "a\nb"])])
@pytest.mark.parametrize(
    ("field", "values", "code", "rows"),
    [
        ({"constraints": {"required": True}}, ["a", None, None], "required", (1, 2)),
        ({"constraints": {"unique": True}}, ["a", "b", "a", None, None], "unique", (0, 2)),
        ({"constraints": {"enum": ["a"]}}, ["a", "b", None, "b"], "enum", (1, 3)),
        ({"constraints": {"pattern": "[ab]"}}, ["a", "long", "a"], "pattern", (1,)),
        ({"constraints": {"pattern": "(?!l).*"}}, ["a", "long", None], "pattern", (1,)),
        ({"constraints": {"minLength": 2}}, ["long", "a"], "min-length", (1,)),
        ({"constraints": {"maxLength": 2}}, ["long", "a"], "max-length", (0,)),
        ({}, ["a", "a\nb"], "line-break", (1,)),
        ({}, ["=c", "a"], "formula-like", (0,)),
        ({"known_values": ["a", "b"]}, ["a", "b", "long"], "unknown-category", (2,)),
    ],
)
def test_text(
    field: dict[str, Any],
    values: list[str | None],
    code: str,
    rows: tuple[int, ...],
    dtype: pl.DataType,
) -> None:
    found = run({"type": "string", **field}, values, dtype)
    warning = code in ("formula-like", "unknown-category")
    severity: Severity = "warning" if warning else "error"
    assert found == {code: Finding("x", code, severity, len(rows), rows)}


@pytest.mark.parametrize(
    ("field", "values", "dtype", "code"),
    [
        ({"type": "integer", "constraints": {"minimum": 2}}, [2, None, 1], pl.Int64(), "minimum"),
        ({"type": "integer", "constraints": {"maximum": 1}}, [1, None, 2], pl.Int64(), "maximum"),
        ({"type": "integer", "constraints": {"enum": [1]}}, [1, None, 2], pl.Int64(), "enum"),
        ({"type": "integer", "warn": {"minimum": 2}}, [2, None, 1], pl.Int64(), "warn-minimum"),
        ({"type": "number", "warn": {"maximum": 2}}, [2, None, 2.1], pl.Float64(), "warn-maximum"),
        ({"type": "number"}, [1.0, None, float("nan")], pl.Float64(), "not-finite"),
        ({"type": "number"}, [1.0, None, float("inf")], pl.Float64(), "not-finite"),
        (
            {"type": "number", "constraints": {"exclusiveMaximum": 1}},
            [0.9, None, 1.0],
            pl.Float64(),
            "exclusive-maximum",
        ),
        (
            {"type": "date", "constraints": {"minimum": "2008-10-01"}},
            [date(2008, 10, 1), None, date(2008, 9, 30)],
            pl.Date(),
            "minimum",
        ),
    ],
)
def test_ordered_values(
    field: dict[str, Any], values: list[Any], dtype: pl.DataType, code: str
) -> None:
    found = run(field, values, dtype)
    assert [(finding.code, finding.rows) for finding in found.values()] == [(code, (2,))]


def test_a_primary_key_is_required() -> None:
    assert set(run({"type": "string"}, ["a", None], TEXT, primaryKey="x")) == {"required"}


def test_only_the_first_rows_are_named() -> None:
    found = run({"type": "integer", "constraints": {"maximum": 0}}, [1] * 100, pl.Int64())
    assert found["maximum"].count == 100
    assert found["maximum"].rows == (0, 1, 2, 3, 4)


def test_another_dtype_is_one_finding() -> None:
    found = run({"type": "integer", "constraints": {"maximum": 0}}, ["1"], TEXT)
    assert found == {"type": Finding("x", "type", "error", 1, ())}


def test_columns_are_those_of_the_schema_in_their_order() -> None:
    fields = [{"name": name, "type": "integer"} for name in "abc"]
    frame = pl.DataFrame({"c": [1], "a": [1], "d": [1]})
    found = compile_checks(TableSchema({"fields": fields})).run(frame)
    assert [(finding.field, finding.code) for finding in found] == [
        ("b", "missing-field"),
        ("d", "extra-field"),
        ("c", "field-order"),
    ]


@pytest.mark.parametrize("dtype", [TEXT, CODED])
def test_no_rows_and_no_values_have_no_findings(dtype: pl.DataType) -> None:
    field = {"type": "string", "constraints": {"enum": ["a"], "pattern": "a", "unique": True}}
    assert not run(field, [], dtype)
    assert not run(field, [None], dtype)


def test_the_same_rule_of_many_columns_finds_each() -> None:
    fields = [
        {"name": name, "type": "string", "constraints": {"enum": ["Y", "N"]}} for name in "abcd"
    ]
    columns = {"a": ["Y", "x"], "b": ["N", None], "c": [None, None], "d": ["z", "Y"]}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Categorical))
    found = compile_checks(TableSchema({"fields": fields})).run(frame)
    assert [(finding.field, finding.rows) for finding in found] == [("a", (1,)), ("d", (0,))]


def test_a_plan_is_made_once_and_travels() -> None:
    schema = TableSchema({"fields": [{"name": "x", "constraints": {"pattern": "(?!a)b"}}]})
    plan = compile_checks(schema)
    assert compile_checks(TableSchema(dict(schema.descriptor))) is plan
    assert pickle.loads(pickle.dumps(plan)) == plan
    codes = [(check.code, check.columns) for check in plan.checks]
    assert codes == [("line-break", ("x",)), ("pattern", ("x",)), ("formula-like", ("x",))]


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ({"type": "integer", "constraints": {"minimum": "a"}}, "E132"),
        ({"type": "integer", "constraints": {"minimum": 0.5}}, "E132"),
        ({"type": "integer", "constraints": {"enum": [True]}}, "E132"),
        ({"type": "number", "constraints": {"maximum": float("nan")}}, "E132"),
        ({"type": "string", "constraints": {"minimum": "a"}}, "E136"),
        ({"type": "string", "constraints": {"minLength": "1"}}, "E132"),
        ({"type": "integer", "constraints": {"maxLength": 1}}, "E136"),
        ({"type": "integer", "warn": {"odd": 1}}, "E132"),
        ({"type": "string", "constraints": {"pattern": "("}}, "E133"),
        ({"type": "point"}, "E130"),
        ({"type": "string", "format": "url"}, "E131"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(field: dict[str, Any], code: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        compile_checks(TableSchema({"fields": [{"name": "x", **field}]}))
    assert caught.value.problem.code == code
    assert "field x" in str(caught.value)
