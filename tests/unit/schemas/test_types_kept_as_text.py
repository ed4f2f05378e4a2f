"""Types without a column type of their own: checked, and kept as their text."""

from __future__ import annotations

import importlib
from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.checks import compile_checks
from epc_release.schemas.parse import PROBLEMS, parse_values
from epc_release.schemas.table import Field, TableSchema
from epc_release.schemas.types import DTYPES
from epc_release.schemas.types.durations import Duration, duration, is_at_most, is_less


def read(descriptor: dict[str, Any], text: str) -> object:
    """The value of a text, or the code of its problem."""
    parsed = parse_values(Field({"name": "x", **descriptor}), [], pl.Series([text]), exact=True)
    assert parsed.values.dtype == DTYPES[descriptor["type"]]
    return PROBLEMS[parsed.problem[0] - 1] if parsed.problem[0] else parsed.values[0]


@pytest.mark.parametrize(
    ("descriptor", "good", "bad"),
    [
        ({"type": "duration"}, "P1Y2M3DT4H5M6.7S", "P1W"),
        ({"type": "duration", "constraints": {"minimum": "P1M"}}, "P31D", "P30D"),
        ({"type": "duration", "constraints": {"maximum": "P1Y"}}, "P12M", "P13M"),
        ({"type": "duration", "constraints": {"exclusiveMinimum": "P1D"}}, "PT25H", "PT24H"),
        ({"type": "duration", "constraints": {"exclusiveMaximum": "PT1M"}}, "PT59.9S", "PT60S"),
        ({"type": "duration", "constraints": {"enum": ["P1D"]}}, "PT24H", "PT1H"),
        ({"type": "list", "itemType": "date", "delimiter": "|"}, "2024-01-01|2024-02-03", "2024"),
        ({"type": "list", "constraints": {"maxLength": 2}}, "a,b", "a,b,c"),
        ({"type": "list", "constraints": {"enum": [["a", "b"], "c"]}}, "a,b", "b,a"),
        ({"type": "object"}, '{"a": 1}', "[1]"),
        ({"type": "object", "constraints": {"minLength": 1}}, '{"a": 1}', "{}"),
        ({"type": "array", "constraints": {"enum": [[1, {"b": None}]]}}, '[1.0,{"b":null}]', "[1]"),
        (
            {"type": "object", "constraints": {"jsonSchema": {"required": ["a"]}}},
            '{"a": null}',
            "{}",
        ),
        ({"type": "geopoint"}, "-0.1276,51.5072", "51.5072,-190"),
        ({"type": "geopoint", "constraints": {"enum": ["1, 2"]}}, "1.0,2.0", "2,1"),
        ({"type": "geopoint", "format": "array"}, "[90.5, 45]", "[90.5]"),
        ({"type": "geopoint", "format": "object"}, '{"lat": 45, "lon": 90}', '{"lat": 45}'),
        ({"type": "geojson"}, '{"type": "Point", "coordinates": [1, 2]}', '{"type": "Pt"}'),
        (
            {"type": "geojson", "format": "topojson"},
            '{"type": "Topology", "objects": {}, "arcs": []}',
            '{"type": "Circle"}',
        ),
        ({"type": "string", "format": "email"}, "a@example.org", "a@"),
        ({"type": "string", "format": "uri"}, "urn:isbn:1", "isbn"),
        ({"type": "string", "format": "binary"}, "YQ==", "YQ"),
        (
            {"type": "time", "format": "%H:%M", "constraints": {"minimum": "09:30"}},
            "09:30",
            "09:29",
        ),
    ],
)
def test_values_and_limits(descriptor: dict[str, Any], good: str, bad: str) -> None:
    kept = "09:30:00" if descriptor["type"] == "time" else good
    assert read(descriptor, good) == kept
    assert read(descriptor, bad) in PROBLEMS
    schema = TableSchema({"fields": [{"name": "x", **descriptor}]})
    frame = pl.DataFrame({"x": [kept, None, kept]}, schema={"x": pl.String})
    assert compile_checks(schema).run(frame) == ()
    if descriptor["type"] != "time":
        (found,) = compile_checks(schema).run(pl.DataFrame({"x": [kept, None, bad]}))
        assert (found.count, found.rows) == (1, (2,))
    coded = pl.DataFrame({"x": pl.Series([kept, "?", kept], dtype=pl.Categorical)})
    assert {found.code for found in compile_checks(schema).run(coded)} >= (
        {f"type-{descriptor['type']}"} if descriptor["type"] != "list" else set()
    )


def test_a_month_is_no_number_of_days() -> None:
    month, days = duration("P1M"), duration("P30D")
    assert month is not None
    assert days is not None
    assert not is_less(month, days)
    assert not is_at_most(days, month)
    assert is_less(Duration(0, days.seconds), Duration(1, days.seconds))
    assert duration("-P1Y1D") == Duration(-12, -days.seconds / 30)
    assert duration("PT") is None


@pytest.mark.parametrize(
    ("descriptor", "code"),
    [
        ({"type": "array", "constraints": {"jsonSchema": {"type": "numbers"}}}, "E137"),
        ({"type": "array", "constraints": {"jsonSchema": {"$ref": "http://a.org/b"}}}, "E137"),
        ({"type": "array", "constraints": {"jsonSchema": "x"}}, "E137"),
        ({"type": "list", "constraints": {"minimum": 1}}, "E136"),
        ({"type": "integer", "constraints": {"pattern": "1"}}, "E136"),
        ({"type": "duration", "constraints": {"maximum": "1 day"}}, "E132"),
        ({"type": "geopoint", "constraints": {"enum": ["far"]}}, "E132"),
    ],
)
def test_schemas_that_contradict_themselves(descriptor: dict[str, Any], code: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        compile_checks(TableSchema({"fields": [{"name": "x", **descriptor}]}))
    assert caught.value.problem.code == code


def test_a_reference_that_leads_nowhere_is_told() -> None:
    rule = {"items": {"$ref": "#/none"}}
    with pytest.raises(ReleaseError, match="E137"):
        read({"type": "array", "constraints": {"jsonSchema": rule}}, "[1]")


def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    assert read({"type": "string", "format": "email"}, "a@example.org") == "a@example.org"
    with pytest.raises(ReleaseError, match="E135: field x: string/email is checked with"):
        read({"type": "string", "format": "email"}, "doubtful")


def test_the_plan_tells_what_is_not_compiled() -> None:
    fields = [
        {"name": "a", "type": "string", "format": "uri"},
        {"name": "b", "type": "date", "format": "any"},
        {"name": "c", "type": "date", "format": "%d %B %Y"},
        {"name": "d", "constraints": {"pattern": r"\w+"}},
        {"name": "e", "type": "object", "constraints": {"jsonSchema": {}}},
        {"name": "f", "type": "duration", "constraints": {"minimum": "P1D"}},
        {"name": "g", "type": "geopoint"},
        {"name": "h", "type": "geojson"},
        {"name": "i", "type": "time", "format": "%H"},
        {"name": "z", "type": "datetime", "format": "%Y-%m-%d %H:%M:%S"},
        {"name": "y", "constraints": {"pattern": "[a-z]+", "enum": ["a"], "minLength": 1}},
    ]
    found = compile_checks(TableSchema({"fields": fields})).fallbacks
    assert [(one.field, one.engine, one.what) for one in found] == [
        ("a", "frictionless", "string/uri"),
        ("b", "frictionless", "date/any"),
        ("c", "python", "date/%d %B %Y"),
        ("d", "python", "pattern"),
        ("e", "python", "object/default"),
        ("e", "python", "jsonSchema"),
        ("f", "python", "minimum"),
        ("g", "python", "geopoint/default"),
        ("h", "frictionless", "geojson/default"),
        ("i", "python", "time/%H"),
    ]


def test_the_register_needs_no_fallback_to_frictionless() -> None:
    from epc_release.schemas.load import load_register

    plans = [compile_checks(table.schema) for table in load_register("epc").tables]
    assert not [one for plan in plans for one in plan.fallbacks if one.engine == "frictionless"]
