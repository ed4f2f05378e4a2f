"""Files of any kind: what is read, where things are told to be, and what is never told."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epc_release.errors import ReleaseError

if TYPE_CHECKING:
    from tests.unit.release.check.conftest import Check

FIELDS = [
    {"name": "id", "type": "integer"},
    {"name": "name", "type": "string", "constraints": {"maxLength": 5}},
]
SECRET = "Hollybush"
BAD = f'id,name\n1,Ann\n2,"{SECRET}\nLane"\n\nx,Bob\n'
FOUND = {
    ("blank-row", ""): (1, [5]),
    ("type-integer", "id"): (1, [6]),
    ("max-length", "name"): (1, [3]),
}


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", BAD.encode()),
        ("crlf.csv", BAD.replace("\n", "\r\n").encode()),
        ("cr.csv", BAD.replace("\n", "\r").encode()),
        ("bom.csv", b"\xef\xbb\xbf" + BAD.encode()),
        ("semicolons.csv", BAD.replace(",", ";").encode()),
        ("a.csv.gz", gzip.compress(BAD.encode(), mtime=0)),
        ("a.zip", zipped(inside=BAD)),
    ],
)
def test_one_report_whatever_the_container(
    run: Check, told: Any, name: str, content: bytes
) -> None:
    report = run({name: content}, FIELDS)
    assert told(report) == FOUND
    assert report.files[0].rows == 4
    assert SECRET not in str(report)
    assert SECRET not in json.dumps(report.as_dict())


def test_other_encodings_are_read_where_named(run: Check, told: Any) -> None:
    text = "id,name\n1,Zoë\n2,Élodie\n".encode("cp1252")
    assert told(run({"a.csv": text}, FIELDS, encoding="cp1252")) == {
        ("max-length", "name"): (1, [3])
    }


def test_leading_blank_lines_are_told(run: Check, told: Any) -> None:
    assert told(run({"a.csv": "\n\nid,name\n1,Ann\n"}, FIELDS)) == {("blank-row", ""): (2, [1, 2])}


def test_blank_lines_alone_after_the_header(run: Check, told: Any) -> None:
    assert told(run({"a.csv": "id,name\n\n\n"}, FIELDS)) == {("blank-row", ""): (2, [2, 3])}


def test_a_header_alone_is_fine(run: Check) -> None:
    assert run({"a.csv": "id,name\n"}, FIELDS).counts == ()


def test_files_of_a_folder_are_told_apart(run: Check, tmp_path: Path) -> None:
    files = {"in/a.csv": "id,name\nx,\n", "in/b.csv": "id,name\n1,\ny,\n", "in/c.txt": "no"}
    report = run(files, FIELDS, [str(tmp_path / "in")])
    (count,) = report.counts
    assert (count.count, count.files) == (2, 2)
    assert [(issue.file, issue.line) for issue in count.samples] == [
        ("in/a.csv", 2),
        ("in/b.csv", 3),
    ]
    assert [name for name, _ in report.ignored] == ["in/c.txt"]


def test_files_of_one_name_are_told_by_their_paths(run: Check, tmp_path: Path) -> None:
    files = {"x/a.csv": "id,name\nx,\n", "y/a.csv": "id,name\n1,\ny,\n"}
    report = run(files, FIELDS)
    assert [file.file for file in report.files] == [str(tmp_path / name) for name in files]
    assert [file.rows for file in report.files] == [1, 2]


def test_what_stands_beside_the_data_is_left(run: Check, tmp_path: Path) -> None:
    files = {"in/a.csv": "id,name\n1,\n", "in/suppressions.csv": "x\n", "in/columns.csv": "x\n"}
    report = run(files, FIELDS, [str(tmp_path / "in")])
    assert report.counts == ()
    assert [name for name, _ in report.ignored] == ["in/columns.csv", "in/suppressions.csv"]
    assert run({}, FIELDS, [str(tmp_path / "in" / "columns.csv")]).total("error") > 0


def test_one_bad_file_does_not_hide_the_others(run: Check) -> None:
    files = {"a.csv": b"id,name\n1,\xff\n", "b.csv": b"id,name\nx,Ann\n"}
    report = run(files, FIELDS)
    assert {(c.code, c.samples[0].file) for c in report.counts} == {
        ("encoding-error", "a.csv"),
        ("type-integer", "b.csv"),
    }
    assert [file.complete for file in report.files] == [False, True]
    with pytest.raises(ReleaseError, match="E210"):
        report.check()


def test_places_are_bounded_and_the_first_ones(run: Check) -> None:
    rows = "".join(f"{'x' if i % 3 else ''}{i},a\n" for i in range(3000))
    (count,) = run({"a.csv": "id,name\n" + rows}, FIELDS).counts
    assert count.count == 2000
    lines = [i + 2 for i in range(3000) if i % 3][:10]
    assert [issue.line for issue in count.samples] == lines


def test_a_first_record_taken_for_a_header_is_not_told(run: Check) -> None:
    report = run({"a.csv": f"17,{SECRET},9\n18,Ann,4\n"}, FIELDS)
    assert SECRET not in json.dumps(report.as_dict())
    assert ("extra-field", "column 2") in {(c.code, c.field) for c in report.counts}


@pytest.mark.parametrize(
    ("mode", "header", "codes"),
    [
        ("exact", "id,name", set()),
        ("exact", "name,id", {"field-order"}),
        ("equal", "name,id", set()),
        ("equal", "name,id,x", {"extra-field"}),
        ("subset", "x,name,id", set()),
        ("subset", "x,id", {"missing-field"}),
        ("superset", "id", set()),
        ("superset", "id,x", {"extra-field"}),
        ("partial", "x,id", set()),
        ("partial", "x,y", {"no-shared-field"}),
    ],
)
def test_headers_match_as_the_schema_asks(
    run: Check, mode: str, header: str, codes: set[str]
) -> None:
    row = ",".join("1" for _ in header.split(","))
    report = run({"a.csv": f"{header}\n{row}\n"}, {"fields": FIELDS, "fieldsMatch": [mode]})
    assert {count.code for count in report.counts} == codes


def test_text_in_quotes_with_delimiters_is_no_ragged_row(run: Check) -> None:
    assert run({"a.csv": 'id,name\n1,"a,b"\n2,"a""b"\n'}, FIELDS).counts == ()


def test_a_short_row_without_a_value_is_blank(run: Check, told: Any) -> None:
    fields = [*FIELDS, {"name": "n", "type": "integer", "missingValues": ["", "-"]}]
    report = run({"a.csv": "id,name,n\n,\n,,-\n,,1\n1,\n"}, fields)
    assert told(report) == {("blank-row", ""): (2, [2, 3]), ("missing-value", ""): (1, [5])}


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_parquet_is_judged_by_its_types(run: Check, told: Any) -> None:
    content = parquet(
        id=pa.array([1, 2, None], pa.int32()),
        name=pa.array(["Ann", "Robert", "Bo"]).dictionary_encode(),
    )
    limits = {"required": True, "maximum": 1}
    fields = [{"name": "id", "type": "integer", "constraints": limits}, FIELDS[1]]
    assert told(run({"a.parquet": content}, fields)) == {
        ("required", "id"): (1, [3]),
        ("maximum", "id"): (1, [2]),
        ("max-length", "name"): (1, [2]),
    }


def test_parquet_text_is_read_as_text(run: Check, told: Any) -> None:
    content = parquet(id=["1", "x", None], name=["a", None, "b"])
    assert told(run({"a.parquet": content}, FIELDS)) == {("type-integer", "id"): (1, [2])}


@pytest.mark.parametrize(
    ("kind", "values", "type_"),
    [
        (pa.int64(), [1], "string"),
        (pa.float64(), [1.0], "integer"),
        (pa.string(), [["a"]], "integer"),
        (pa.timestamp("us"), [0], "date"),
    ],
)
def test_a_parquet_column_of_another_type_is_told_once(
    run: Check, kind: Any, values: list[Any], type_: str
) -> None:
    array = pa.array(values) if kind == pa.string() else pa.array(values, kind)
    report = run({"a.parquet": parquet(x=array)}, [{"name": "x", "type": type_}])
    assert [(count.field, count.count) for count in report.counts] == [("x", 1)]


def test_parquet_of_all_types_that_have_a_match(run: Check) -> None:
    from datetime import date, datetime, time

    content = parquet(
        a=pa.array([1.5]),
        b=pa.array([True]),
        c=pa.array([date(2024, 1, 31)]),
        d=pa.array([datetime(2024, 1, 31, 12)], pa.timestamp("ms", "UTC")),
        e=pa.array([time(12, 30)]),
        f=pa.array([[1, 2]]),
        g=pa.array([{"x": 1}]),
        h=pa.array([["a", "b"]]),
        i=pa.nulls(1),
        j=pa.array([2024], pa.int16()),
    )
    types = ("number", "boolean", "date", "datetime", "time", "array", "object", "list")
    fields = [{"name": n, "type": t} for n, t in zip("abcdefgh", types, strict=True)]
    fields += [{"name": "i", "type": "integer"}, {"name": "j", "type": "year"}]
    report = run({"a.parquet": content}, fields)
    assert [(c.code, c.field) for c in report.counts if c.code != "blank-row"] == []


def test_two_columns_of_one_name_in_parquet(run: Check) -> None:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["id", "id"]), out)
    report = run({"a.parquet": out.getvalue()}, [FIELDS[0]])
    assert {count.code for count in report.counts} == {"duplicate-header"}
