"""One report object, told as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.check.room import room
from epc_release.release.source.location import local_file
from epc_release.release.source.model import Part
from epc_release.schemas.register import HeaderMatch, TableDialect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.release.check.conftest import Check

FIELDS = [
    {"name": "id", "type": "integer"},
    {"name": "size", "type": "number", "warn": {"minimum": 0}},
]
TEXT = """1 file, 4 rows: 1 error, 1 warning

Errors
  id  type-integer (type-or-format-error), once
    The value is not a whole number.
    a.csv, line 3
    Mend: Write digits only, with a minus sign where needed: 5, not 5.0.

Warnings
  size  warn-minimum, once
    The value is lower than is plausible.
    a.csv, line 4
    Mend: Check the value; it is accepted."""


def test_text_and_json_tell_the_same(run: Check) -> None:
    report = run({"a.csv": "id,size\n1,2\n2.0,3\n3,-4\n4,\n"}, FIELDS)
    assert str(report) == TEXT
    found = json.loads(json.dumps(report.as_dict()))
    assert (found["valid"], found["rows"], found["errors"], found["warnings"]) == (False, 4, 1, 1)
    assert found["issues"][0] == {
        "file": "a.csv",
        "line": 3,
        "field": "id",
        "code": "type-integer",
        "severity": "error",
    }
    assert found["counts"][0]["error"] == "type-or-format-error"
    assert found["files"] == [
        {"file": "a.csv", "table": "", "rows": 4, "columns": 2, "complete": True}
    ]
    with pytest.raises(ReleaseError, match="E260"):
        report.check()


def test_warnings_alone_pass(run: Check) -> None:
    report = run({"a.csv": "id,size\n1,-2\n"}, FIELDS)
    report.check()
    assert report.as_dict()["valid"] is True


def test_no_issues_are_said(run: Check) -> None:
    assert str(run({"a.csv": "id,size\n1,2\n"}, FIELDS)) == "1 file, 1 row: no issues"


def test_what_is_looked_at_slowly_is_told(run: Check) -> None:
    fields = [{"name": "x", "type": "string", "constraints": {"pattern": r"(?!a)\w+"}}]
    report = run({"a.csv": "x\nb\n"}, fields)
    (fallback,) = report.as_dict()["fallbacks"]
    assert (fallback["field"], fallback["engine"]) == ("x", "python")
    assert "\n  x: pattern, by Python (" in str(report)


def test_room_follows_from_memory_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x")
    dialect = TableDialect("plain", "", {}, frozenset(), frozenset(), {}, ())

    def part(size: int) -> Part:
        match = HeaderMatch(dialect, ("id",))
        location = local_file(path, "a")
        return Part("a", "a", "csv", "", ("id",), match, size, size, location)

    small, large = room([part(1 << 20)], 1 << 30, None), room([part(1 << 40)], 1 << 29, 2)
    assert (small.jobs, small.buckets) == (1, 1)
    assert large.buckets == 4096
    assert large.chunk_bytes < small.chunk_bytes
    assert large.chunk_bytes * 8 + (200 << 20) <= 1 << 28
