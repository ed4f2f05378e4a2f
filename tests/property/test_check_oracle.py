"""Whole tables: the same verdict on every row and cell as frictionless, from the same file.

Known differences, by design: a ragged row is told and its cells are not looked at; all rows of a
conflicting key are errors, not all but the first; of a cell the first fault is told, not every one.
(Cells by themselves are compared in test_equal_to_frictionless.)
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from frictionless import Dialect, Resource, Schema
from frictionless.formats import CsvControl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epc_release.release.check import Request, check, room, run
from epc_release.release.progress import Silent

CELLS = {
    "integer": ["1", "2", "-3", "40", "x", "1.5"],
    "number": ["1.5", "2", "-0.25", "abc"],
    "string": ["a", "bb", "ccc,c", 'say "d"', "é"],
    "boolean": ["true", "false", "0", "maybe"],
    "date": ["2024-01-31", "2023-02-29", "31/01/2024"],
}
LIMITS: dict[str, dict[str, Any]] = {
    "integer": {"minimum": 0, "maximum": 2, "enum": ["1", "2"]},
    "number": {"minimum": 0, "maximum": 1.75},
    "string": {"minLength": 2, "maxLength": 2, "pattern": "[a-c]+", "enum": ["a", "bb"]},
    "boolean": {},
    "date": {"minimum": "2024-01-01"},
}
STRUCTURE = {"blank-row": "blank-row", "extra-cell": "extra-value", "missing-cell": "missing-value"}


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Any], list[list[str]]]:
    """A schema, and rows of it of which some are ragged or blank."""
    fields: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(CELLS)))
        names = draw(st.sets(st.sampled_from(["required", "unique", *LIMITS[kind]]), max_size=2))
        limits = {n: LIMITS[kind].get(n, True) for n in sorted(names)}
        fields.append({"name": f"c{number}", "type": kind, "constraints": limits})
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        cells = [draw(st.sampled_from([*CELLS[field["type"]], "", "NA"])) for field in fields]
        match draw(st.sampled_from(["whole"] * 6 + ["short", "long", "blank"])):
            case "short":
                cells.pop()
            case "long":
                cells.append("more")
            case "blank":
                cells = draw(st.sampled_from([[], [""] * len(fields)]))
        rows.append(cells)
    return {"fields": fields, "missingValues": ["", "NA"]}, rows


def theirs(folder: Path, schema: dict[str, Any]) -> set[tuple[int, str, str]]:
    control = CsvControl(
        delimiter=",", line_terminator="\n", quote_char='"', double_quote=True, escape_char=None
    )
    control.skip_initial_space = False
    control.add_defined("escape_char")
    resource = Resource(
        path="t.csv",
        basepath=str(folder),
        schema=Schema.from_descriptor(schema),
        dialect=Dialect(controls=[control]),
    )
    found = set()
    for error in resource.validate(limit_errors=10_000).tasks[0].errors:
        line = getattr(error, "row_number", 1)
        name = getattr(error, "field_name", "")
        code = STRUCTURE.get(error.type, "")
        found.add((line, "" if code else name, code or error.type))
    return found


def ours(folder: Path) -> set[tuple[int, str, str]]:
    report = check(Request((str(folder / "t.csv"),), folder / "schema.json"), Silent())
    return {
        (issue.line or 0, issue.field, issue.code)
        for count in report.counts
        for issue in count.samples
        if issue.severity == "error"
    }


@pytest.mark.parametrize("chunk", [16, 1 << 20])
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(table=tables())
def test_the_same_verdict_on_every_row_and_cell(
    monkeypatch: pytest.MonkeyPatch, chunk: int, table: tuple[dict[str, Any], list[list[str]]]
) -> None:
    monkeypatch.setattr(run, "SAMPLES", 10_000)
    monkeypatch.setattr(room, "MIN_CHUNK", chunk)
    monkeypatch.setattr(room, "MAX_CHUNK", chunk)
    schema, rows = table
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
        with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([field["name"] for field in schema["fields"]])
            writer.writerows(rows)
        own, other = ours(folder), theirs(folder, schema)
    ragged = {line for line, _, code in own if code in ("extra-value", "missing-value")}
    blank = {line for line, _, code in own if code == "blank-row"}
    told = {(line, code) for line, _, code in other if code in STRUCTURE.values()}
    # a row of one cell too many and no other is blank to them
    told = {(n, "extra-value" if n in ragged and c == "blank-row" else c) for n, c in told}
    assert {(line, code) for line, _, code in own if code in STRUCTURE.values()} == told
    cells = {(n, f) for n, f, code in own if f and code != "unique"}
    expected = {(n, f) for n, f, code in other if f and code != "unique-error"}
    assert cells == {(n, f) for n, f in expected if n not in ragged | blank}
    twice = {(n, f) for n, f, code in own if code == "unique"}
    if not ragged:  # a cell of theirs may repeat one of a ragged row
        assert {(n, f) for n, f, code in other if code == "unique-error"} <= twice
