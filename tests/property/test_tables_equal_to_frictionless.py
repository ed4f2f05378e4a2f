"""Keys and headers: the same rows and headers are wrong for us and for frictionless.

But for the differences listed in ``scripts/schema_differences.py``; ``EPC_RELEASE_EXAMPLES=20``
makes twenty times the examples.
"""

from __future__ import annotations

import os
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frictionless import Resource, Schema
from hypothesis import given, settings
from hypothesis import strategies as st

from epc_release.schemas.checks import match_fields, table_keys
from epc_release.schemas.checks.keys import duplicates_within
from epc_release.schemas.parse import parse_values
from epc_release.schemas.read_schema import read_schema
from epc_release.schemas.table import TableSchema

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "schema_differences.py"
TABLES = runpy.run_path(str(SCRIPT))["TABLES"]
MORE = int(os.environ.get("EPC_RELEASE_EXAMPLES", "1"))
V2 = "https://datapackage.org/profiles/2.0/tableschema.json"


def our_rows(schema: TableSchema, rows: list[tuple[str, ...]]) -> set[int]:
    """Rows (from 1) with a missing required value, a conflicting key or an orphan."""
    columns, wrong = {}, set()
    for place, field in enumerate(schema.fields):
        text = pl.Series([row[place] for row in rows], dtype=pl.String)
        parsed = parse_values(field, schema.missing_values(field.name), text, exact=True)
        columns[field.name] = parsed.values
        due = field.required or field.name in schema.primary_key
        wrong |= {row + 1 for row in ((parsed.problem > 0) | (parsed.missing & due)).arg_true()}
    frame = pl.DataFrame(columns)
    for key in table_keys(schema):
        found = key.digests(frame)
        if key.kind == "foreign":
            there = key.digests(frame, key.reference).select("h1", "h2")
            lost = found.join(there, on=["h1", "h2"], how="anti")["row"]
        else:
            lost = found.filter(duplicates_within(found))["row"]
        wrong |= {row + 1 for row in lost}
    return wrong


def their_rows(schema: Mapping[str, Any], rows: list[tuple[str, ...]]) -> tuple[set[int], set[int]]:
    """Rows that frictionless finds wrong, and those of them that are copies of an earlier row."""
    names = [field["name"] for field in schema["fields"]]
    resource = Resource(data=[names, *map(list, rows)], schema=Schema.from_descriptor(dict(schema)))
    found = resource.validate(limit_errors=10_000).flatten(["rowNumber", "type", "note"])
    copies = {
        n - 1
        for n, kind, note in found
        if kind in ("unique-error", "primary-key") and "same" in note
    }
    return {n - 1 for n, *_ in found}, copies


@pytest.mark.parametrize("one", TABLES, ids=lambda one: one.reason[:40])
def test_each_difference_of_tables_is_real(one: Any) -> None:
    rows = list(one.rows)
    assert our_rows(read_schema(one.schema), rows) == set(one.ours)
    assert their_rows(one.schema, rows)[0] == set(one.theirs)


tables = st.fixed_dictionaries(
    {},
    optional={
        "primaryKey": st.sampled_from(["a", ["a"], ["a", "b"]]),
        "foreignKeys": st.sampled_from(
            [
                [{"fields": "b", "reference": {"resource": "", "fields": "a"}}],
                [{"fields": ["b"], "reference": {"resource": "", "fields": ["a"]}}],
            ]
        ),
    },
)


@settings(max_examples=60 * MORE)
@given(
    tables,
    st.booleans(),
    st.lists(
        st.tuples(*[st.sampled_from(["x", "y", "z", "1", ""])] * 2, st.just("-")),
        min_size=1,
        max_size=8,
    ),
)
def test_the_same_rows_are_wrong(
    keys: dict[str, Any], unique: bool, rows: list[tuple[str, ...]]
) -> None:
    fields = [{"name": name, "type": "string"} for name in "abc"]
    schema = {"fields": fields, **keys}
    if unique:
        fields[0]["constraints"] = {"unique": True}  # type: ignore[assignment]
    own = our_rows(read_schema(schema), rows)
    other, copies = their_rows(schema, rows)
    assert other <= own, "what they find wrong, we do"
    key = ["abc".index(name) for name in read_schema(schema).primary_key]
    for row in own - other:
        cells = rows[row - 1]
        part_missing = any(not cells[place] for place in key)
        twins = [rows[copy - 1] for copy in copies]
        first_of_unique = unique and any(twin[0] == cells[0] for twin in twins)
        first_of_key = key and any(all(t[n] == cells[n] for n in key) for t in twins)
        assert part_missing or first_of_unique or first_of_key, (schema, rows, row)


@settings(max_examples=60 * MORE)
@given(
    st.sampled_from(["exact", "equal", "subset", "superset", "partial"]),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    st.booleans(),
)
def test_the_same_headers_match(mode: str, header: list[str], required: bool) -> None:
    fields = [
        {"name": name, "type": "string", "constraints": {"required": required and name == "a"}}
        for name in "abc"
    ]
    schema = {
        "fields": fields,
        "fieldsMatch": mode,
        "$schema": V2,
    }
    own = match_fields(read_schema(schema), header)
    resource = Resource(
        data=[header, ["x"] * len(header)], schema=Schema.from_descriptor(dict(schema))
    )
    other = resource.validate()
    assert own.ok == other.valid, (own.codes, other.flatten(["type", "note"]))
