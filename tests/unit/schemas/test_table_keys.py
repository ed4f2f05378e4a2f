from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.checks import KeyCheck, compile_checks, match_fields, table_keys
from epc_release.schemas.checks.keys import key_digest
from epc_release.schemas.read_schema import read_schema

FIELDS = [{"name": "a", "constraints": {"unique": True}}, {"name": "b"}, {"name": "c"}]


def test_all_keys_of_a_table() -> None:
    schema = read_schema(
        {
            "fields": FIELDS,
            "primaryKey": "b",
            "uniqueKeys": [["b"], ["a", "c"]],
            "foreignKeys": [
                {"fields": "c", "reference": {"resource": "other", "fields": "id"}},
                {"fields": ["c"], "reference": {"fields": ["a"]}},
            ],
        }
    )
    assert table_keys(schema) == (
        KeyCheck("primary", "primary-key", ("b",)),
        KeyCheck("unique", "unique", ("a",)),
        KeyCheck("unique", "unique-key", ("a", "c")),
        KeyCheck("foreign", "foreign-key", ("c",), "other", ("id",)),
        KeyCheck("foreign", "foreign-key", ("c",), "", ("a",)),
    )


def test_rows_with_a_missing_part_take_no_part() -> None:
    frame = pl.DataFrame({"a": ["x", None, "y"], "b": [1, 2, None], "k": ["x", "y", "z"]})
    key = KeyCheck("unique", "unique-key", ("a", "b"))
    found = key.digests(frame)
    assert found.schema == {"h1": pl.UInt64, "h2": pl.UInt64, "row": pl.UInt32}
    assert found["row"].to_list() == [0]
    assert found.drop("row").equals(key_digest(frame[:1], ["a", "b"]))
    foreign = KeyCheck("foreign", "foreign-key", ("a",), "", ("k",))
    assert foreign.digests(frame)["row"].to_list() == [0, 2]
    there = foreign.digests(frame, foreign.reference)
    assert foreign.digests(frame)["h1"].to_list() == there["h1"].gather([0, 1]).to_list()


@pytest.mark.parametrize(
    ("mode", "header", "codes"),
    [
        ("exact", "abc", []),
        ("exact", "acb", [("field-order", "c"), ("field-order", "b")]),
        ("exact", "ab", [("missing-field", "c")]),
        ("exact", "abcd", [("extra-field", "d")]),
        ("equal", "cab", []),
        ("equal", "ca", [("missing-field", "b")]),
        ("subset", "dcab", []),
        ("subset", "ab", [("missing-field", "c")]),
        ("superset", "b", []),
        ("superset", "bd", [("extra-field", "d")]),
        ("partial", "bd", []),
        ("partial", "d", [("no-shared-field", "")]),
        ("partial", "aab", [("duplicate-field", "a")]),
    ],
)
def test_headers(mode: str, header: str, codes: list[tuple[str, str]]) -> None:
    schema = read_schema({"fields": FIELDS, "fieldsMatch": mode})
    found = match_fields(schema, list(header))
    assert list(found.codes) == codes
    assert found.ok is (not codes)
    assert [field and field.name for field in found.fields] == [
        name if name in "abc" else None for name in header
    ]
    if "duplicate-field" not in dict(codes) and "no-shared-field" not in dict(codes):
        frame = pl.DataFrame({name: ["x"] for name in header})
        structure = compile_checks(schema).run(frame)
        assert {finding.code for finding in structure} == set(dict(codes))


def test_a_required_column_is_never_left_out() -> None:
    schema = read_schema({"fields": FIELDS, "fieldsMatch": ["superset"], "primaryKey": ["b"]})
    assert match_fields(schema, ["a"]).codes == (("missing-field", "b"),)


@pytest.mark.parametrize(
    ("descriptor", "problem"),
    [
        ([], "it has no fields"),
        ({"fields": []}, "it has no fields"),
        ({"fields": [{}]}, "each of its fields must have a name"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "field a is given twice"),
        ({"fields": [{"name": "a", "constraints": []}]}, "constraints must be an object"),
        ({"fields": [{"name": "a", "missingValues": [1]}]}, "field a: missingValues must be"),
        ({"fields": [{"name": "a"}], "missingValues": "-"}, "missingValues must be a list"),
        ({"fields": [{"name": "a"}], "fieldsMatch": "some"}, "fieldsMatch must be one of"),
        ({"fields": [{"name": "a"}], "primaryKey": ["b"]}, "primaryKey names b"),
        ({"fields": [{"name": "a"}], "uniqueKeys": ["a", []]}, "uniqueKeys must be a field"),
        ({"fields": [{"name": "a"}], "uniqueKeys": "a"}, "uniqueKeys must be a list"),
        ({"fields": [{"name": "a"}], "foreignKeys": [{"fields": "a"}]}, "fields and a reference"),
        (
            {
                "fields": [{"name": "a"}],
                "foreignKeys": [{"fields": "a", "reference": {"fields": ["a", "a"]}}],
            },
            "as many fields",
        ),
    ],
)
def test_what_is_no_table_schema(descriptor: Any, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(descriptor), encoding="utf-8")
    with pytest.raises(ReleaseError, match=f"E134: x.json: .*{problem}"):
        read_schema(file)


def test_schemas_of_both_versions_are_read(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(
        '\ufeff{"fields": [{"name": "a", "type": "date", "format": "fmt:%d/%m/%Y",'
        ' "missingValues": [{"value": "-", "label": "refused"}]}, {"name": "b"}]}',
        encoding="utf-8",
    )
    schema = read_schema(str(file))
    assert schema.fields[0].format == "%d/%m/%Y"
    assert (schema.missing_values("a"), schema.missing_values("b")) == (("-",), ("",))
    for text, problem in (("{", "it is no JSON"), (None, "it cannot be read")):
        if text:
            file.write_text(text, encoding="utf-8")
        else:
            file.unlink()
        with pytest.raises(ReleaseError, match=problem):
            read_schema(file)
