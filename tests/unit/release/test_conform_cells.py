"""Conform: columns by distinct values are the same as cell by cell, and every misfit is named."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.conform.cells import conform
from epc_release.release.conform.codes import CODES
from epc_release.schemas.register import TableDialect
from epc_release.schemas.table import TableSchema

SCHEMA = TableSchema(
    {
        "fields": [
            {"name": "key", "type": "string", "constraints": {"required": True}},
            {"name": "score", "type": "integer", "warn": {"maximum": 100}},
            {
                "name": "band",
                "type": "string",
                "constraints": {"enum": ["A", "B"]},
                "derive": {"from": "score", "bands": [["B", None, 50], ["A", 51, None]]},
            },
            {"name": "form", "type": "string", "missingValues": ["", "NO DATA!"]},
            {"name": "note", "type": "string"},
        ]
    }
)
DIALECT = TableDialect(
    dialect="test",
    table="homes",
    columns={name: name for name in SCHEMA.names},
    input_only=frozenset(),
    optional=frozenset(),
    missing={"score": ("-",)},
    screened_upstream=(),
)
CELL = st.sampled_from(["", "7", "5.0", "x", "-", "120", "NO DATA!", " a  b ", "=1+1"])


def table(columns: dict[str, list[str]], coded: bool) -> pa.Table:
    kind = pa.dictionary(pa.int32(), pa.string()) if coded else pa.string()
    return pa.table(
        {name: pa.array(cells, pa.string()).cast(kind) for name, cells in columns.items()}
    )


@given(st.lists(st.tuples(*[CELL] * 5), max_size=20))
def test_dictionaries_and_text_conform_alike(rows: list[tuple[str, ...]]) -> None:
    columns = {name: [row[i] for row in rows] for i, name in enumerate(SCHEMA.names)}
    made = [
        conform(table(columns, coded), SCHEMA, DIALECT, SCHEMA.names, "Europe/London")
        for coded in (True, False)
    ]
    frames = [m.frame.with_columns(pl.col(pl.Categorical).cast(pl.String)) for m in made]
    assert frames[0].equals(frames[1])
    order = ["__row", "__column", "__code"]
    assert made[0].issues.sort(order).equals(made[1].issues.sort(order))
    assert made[0].errors.sort(order).equals(made[1].errors.sort(order))


def one(**cells: str) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """A record conformed alone: its values, and its issues as (column, code)."""
    columns = {name: [cells.get(name, "")] for name in SCHEMA.names}
    made = conform(table(columns, True), SCHEMA, DIALECT, SCHEMA.names, "Europe/London")
    values = made.frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).row(0, named=True)
    found = [
        (SCHEMA.names[column], CODES[code].code) for _, column, code in made.issues.iter_rows()
    ]
    return values, found


@pytest.mark.parametrize(
    ("score", "band", "value", "made", "issues"),
    [
        ("5.0", "B", 5, "B", []),
        ("51", "A", 51, "A", []),
        ("51", "b", 51, "A", [("band", "band-mismatch")]),
        ("", "A", None, None, [("band", "band-mismatch")]),  # no score, no band
        ("-", "", None, None, []),
        ("101", "", 101, "A", [("score", "warn-maximum")]),
        ("x", "", None, None, [("score", "type-integer")]),
    ],
)
def test_bands_come_from_scores(
    score: str, band: str, value: int | None, made: str | None, issues: list[tuple[str, str]]
) -> None:
    values, found = one(key="k", score=score, band=band)
    assert (values["score"], values["band"]) == (value, made)
    assert found == issues


def test_missing_tokens_are_of_one_column() -> None:
    values, found = one(key="k", form="NO DATA!", note="NO DATA!")
    assert (values["form"], values["note"], found) == (None, "NO DATA!", [])


def test_a_column_that_the_file_does_not_have_is_missing() -> None:
    made = conform(table({"key": ["k"]}, True), SCHEMA, DIALECT, SCHEMA.names, "Europe/London")
    assert made.frame.row(0) == ("k", None, None, None, None)
