"""Severities that a schema chooses, in parsing and in what is published."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.release.conform.codes import OUT_OF_ORDER
from epc_release.release.conform.rows import order_issues
from epc_release.schemas.checks import compile_checks
from epc_release.schemas.checks.severity import without_warnings
from epc_release.schemas.parse import PROBLEMS, WARNINGS, parse_values
from epc_release.schemas.table import Field, TableSchema


def field(**descriptor: Any) -> Field:
    return Field({"name": "a", "type": "integer", **descriptor})


def parsed(field: Field, *texts: str) -> list[tuple[Any, str | None]]:
    """Value and code of each text; a warning's code has an exclamation mark."""
    found = parse_values(field, [""], pl.Series(texts, dtype=pl.String))
    codes = [
        PROBLEMS[problem - 1]
        if problem
        else next((f"{code}!" for bit, code in enumerate(WARNINGS) if warning >> bit & 1), None)
        for problem, warning in zip(found.problem, found.warning, strict=True)
    ]
    return list(zip(found.values.to_list(), codes, strict=True))


def test_a_constraint_may_only_warn() -> None:
    limits = {"constraints": {"minimum": 0, "maximum": 9}}
    assert parsed(field(**limits), "-1", "5") == [(None, "minimum"), (5, None)]
    loose = field(**limits, severity={"minimum": "warning"})
    assert parsed(loose, "-1", "10") == [(-1, "minimum!"), (None, "maximum")]


def test_a_warning_may_be_an_error() -> None:
    strict = field(warn={"maximum": 100}, known_values=[1, 500], severity={"warn-maximum": "error"})
    assert parsed(strict, "500", "2") == [(None, "warn-maximum"), (2, "unknown-category!")]
    text = Field({"name": "a", "severity": {"formula-like": "error"}})
    assert parsed(text, "=1", "x") == [(None, "formula-like"), ("x", None)]


def test_the_plan_of_a_schema_knows_them() -> None:
    described = {"name": "a", "type": "integer", "constraints": {"enum": [1]}}
    loose = {**described, "severity": {"enum": "warning"}}
    for one, expected in ((described, "error"), (loose, "warning")):
        plan = compile_checks(TableSchema({"fields": [one]}))
        (finding,) = plan.run(pl.DataFrame({"a": [1, 2]}))
        assert (finding.code, finding.severity, finding.count) == ("enum", expected, 1)


def test_what_only_warns_is_no_constraint_of_published_values() -> None:
    loose = {
        "name": "a",
        "constraints": {"enum": ["x"], "required": True},
        "severity": {"enum": "warning"},
    }
    told = without_warnings(loose)
    assert told["constraints"] == {"required": True}
    assert told["known_values"] == ["x"]
    assert without_warnings({"name": "a", "constraints": {"minimum": 1}}) == {
        "name": "a",
        "constraints": {"minimum": 1},
    }


@pytest.mark.parametrize("chosen", [{"type-date": "warning"}, {"enum": "fatal"}, ["enum"]])
def test_other_choices_are_refused(chosen: object) -> None:
    with pytest.raises(ReleaseError) as caught:
        compile_checks(TableSchema({"fields": [{"name": "a", "severity": chosen}]}))
    assert caught.value.problem.code == "E138"


def test_columns_in_order() -> None:
    fields = [{"name": name, "type": "integer"} for name in "abc"]
    schema = TableSchema({"fields": fields, "order": [["a", "b"], ["a", "c"]]})
    frame = pl.DataFrame({"a": [1, 2, None, 3], "b": [1, 1, 0, None], "c": [0, 3, 4, 3]})
    found = order_issues(frame, schema, {"a", "b", "c"})
    assert found.rows() == [(1, 1, OUT_OF_ORDER), (0, 2, OUT_OF_ORDER)]
    assert order_issues(frame, schema, {"a", "c"}).rows() == [(0, 2, OUT_OF_ORDER)]
    assert order_issues(frame.drop("a"), schema, {"a", "b"}).is_empty()
