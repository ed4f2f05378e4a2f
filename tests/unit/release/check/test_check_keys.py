"""Keys over all rows of all files, whatever the chunks, buckets and passes."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.release.check import room

if TYPE_CHECKING:
    from tests.unit.release.check.conftest import Check

KEYED = {
    "fields": [
        {"name": "a", "type": "integer"},
        {"name": "b", "type": "string"},
        {"name": "c", "type": "string", "constraints": {"unique": True}},
    ],
    "primaryKey": ["a", "b"],
    "uniqueKeys": [["b", "c"]],
}


def test_every_row_of_a_conflict_is_told(run: Check, told: Any) -> None:
    rows = "1,x,p\n1,y,q\n1,x,r\n2,x,p\n,x,s\n01,x,t\n3,z,\n4,z,\n"
    assert told(run({"a.csv": "a,b,c\n" + rows}, KEYED)) == {
        ("primary-key", "a, b"): (3, [2, 4, 7]),
        ("unique", "c"): (2, [2, 5]),
        ("unique-key", "b, c"): (2, [2, 5]),
        ("required", "a"): (1, [6]),
    }


def test_keys_conflict_across_files(run: Check) -> None:
    files = {"x.csv": "a,b,c\n1,x,p\n", "y.csv": "a,b,c\n2,x,q\n1,x,r\n"}
    (count,) = run(files, KEYED).counts
    assert (count.code, count.count, count.files) == ("primary-key", 2, 2)
    assert [(one.file, one.line) for one in count.samples] == [("x.csv", 2), ("y.csv", 3)]


def test_repeated_rows_are_warned_of_without_the_first(run: Check, told: Any) -> None:
    fields = [{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]
    rows = "x,y\ny,x\nx,y\n,\n,\nx,\nx,\n\n"
    found = told(run({"a.csv": "a,b\n" + rows}, fields))
    assert found[("duplicate-row", "")] == (2, [4, 8])
    assert found[("blank-row", "")] == (3, [5, 6, 9])


def test_with_a_primary_key_a_repeated_row_is_a_repeated_key(run: Check, told: Any) -> None:
    schema = {"fields": [{"name": "a", "type": "string"}], "primaryKey": "a"}
    assert told(run({"a.csv": "a\nx\ny\nx\n"}, schema)) == {("primary-key", "a"): (2, [2, 4])}


def test_values_that_break_a_rule_are_compared_as_well(run: Check, told: Any) -> None:
    fields = [{"name": "a", "type": "integer", "constraints": {"unique": True, "maximum": 2}}]
    assert told(run({"a.csv": "a\n40\n1\n40\n"}, [*fields, {"name": "b"}])) == {
        ("missing-field", "b"): (1, [1]),
        ("maximum", "a"): (2, [2, 4]),
        ("unique", "a"): (2, [2, 4]),
        ("duplicate-row", ""): (1, [4]),
    }


def test_columns_beside_the_schema_tell_rows_apart(run: Check) -> None:
    schema = {"fields": [{"name": "a", "type": "string"}], "fieldsMatch": ["subset"]}
    assert run({"a.csv": "a,z\nx,1\nx,2\n"}, schema).counts == ()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("small", [False, True])
def test_as_counted_in_memory(
    run: Check, monkeypatch: pytest.MonkeyPatch, jobs: int, small: bool
) -> None:
    if small:  # many chunks, buckets and passes
        monkeypatch.setattr(room, "MIN_CHUNK", 4096)
        monkeypatch.setattr(room, "MAX_CHUNK", 4096)
        monkeypatch.setattr(room, "PRINT", 1 << 60)
        monkeypatch.setattr(room, "MIN_ROWS", 40)
    random.seed(3)
    keys = [random.randrange(4000) for _ in range(5000)]
    text = "a,b\n" + "".join(f"{key},{key % 7}\n" for key in keys)
    fields = [
        {"name": "a", "type": "integer", "constraints": {"unique": True}},
        {"name": "b", "type": "integer"},
    ]
    report = run({"a.csv": text}, fields, jobs=jobs)
    counts = Counter(keys)
    lines = [i + 2 for i, key in enumerate(keys) if counts[key] > 1]
    unique, copies = sorted(report.counts, key=lambda count: count.severity)
    assert (unique.code, unique.count) == ("unique", len(lines))
    assert [issue.line for issue in unique.samples] == lines[:10]
    again = [i + 2 for i, key in enumerate(keys) if key in keys[:i]]
    assert (copies.code, copies.count) == ("duplicate-row", len(again))
    assert [issue.line for issue in copies.samples] == again[:10]


HOMES = {"fields": [{"name": "id", "type": "string"}], "primaryKey": "id"}
SALES = {
    "fields": [{"name": "home", "type": "string"}, {"name": "price", "type": "integer"}],
    "foreignKeys": [{"fields": "home", "reference": {"resource": "homes", "fields": "id"}}],
}
PACKAGE = {
    "resources": [
        {"name": "homes", "path": "data/homes-2024.csv", "schema": HOMES},
        {"name": "sales", "path": "sales.csv", "schema": SALES},
    ]
}


def test_foreign_keys_within_a_package(run: Check, told: Any) -> None:
    files = {
        "homes-2024.csv": "id\nh1\nh2\n",
        "sales.csv": "home,price\nh1,1\nh3,2\n,3\nh2,4\nh4,5\n",
    }
    report = run(files, PACKAGE)
    assert told(report) == {("foreign-key", "home"): (2, [3, 6])}
    assert report.counts[0].table == "sales"
    assert report.unchecked == ()


def test_a_foreign_key_without_its_table_is_said(run: Check) -> None:
    report = run({"sales.csv": "home,price\nh1,1\n"}, PACKAGE)
    assert report.counts == ()
    assert report.unchecked == ("foreign key of home: no file of homes is given",)


def test_a_foreign_key_of_another_type_is_said(run: Check) -> None:
    homes = {"fields": [{"name": "id", "type": "integer"}]}
    package = {"resources": [{"name": "homes", "schema": homes}, PACKAGE["resources"][1]]}
    report = run({"homes.csv": "id\n1\n", "sales.csv": "home,price\n1,1\n"}, package)
    assert report.unchecked == ("foreign key of home: homes has other types there",)


def test_a_table_that_refers_to_itself(run: Check, told: Any) -> None:
    schema = {
        "fields": [{"name": "id", "type": "integer"}, {"name": "up", "type": "integer"}],
        "primaryKey": "id",
        "foreignKeys": [{"fields": ["up"], "reference": {"fields": ["id"]}}],
    }
    report = run({"a.csv": "id,up\n1,\n2,1\n3,9\n"}, schema)
    assert told(report) == {("foreign-key", "up"): (1, [4])}


def test_a_file_of_no_table(run: Check, tmp_path: Path) -> None:
    files = {"in/other.csv": "x\n1\n", "in/homes.csv": "id\nh1\n"}
    assert [count.code for count in run(files, PACKAGE).counts] == ["source-error"]
    report = run(files, PACKAGE, [str(tmp_path / "in")])
    assert report.counts == ()
    assert report.ignored == (("in/other.csv", "no table of the data package"),)


def test_a_package_without_tables_is_no_schema(run: Check) -> None:
    report = run({"a.csv": "id\n"}, {"resources": [{"name": "x", "path": "x.pdf"}]})
    assert [count.code for count in report.counts] == ["schema-error"]


def test_a_key_of_a_missing_column_is_left(run: Check) -> None:
    report = run({"a.csv": "b,c\nx,1\nx,2\n"}, KEYED)
    assert {count.code for count in report.counts} == {"missing-field"}
