"""The worst files: a clear error of that file, its catalogue code, its exit code, no value told."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epc_release.errors import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.release.check.conftest import Check

FIELDS = [{"name": "id", "type": "integer"}, {"name": "note", "type": "string"}]
HEADER = b"id,note\n"
NOISE = random.Random(5).randbytes(3000)


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "code", "issue"),
    [
        ("a.csv", b"", "E206", "source-error"),
        ("a.csv", b"\r\n\n", "E206", "source-error"),
        ("a.csv", b"\xef\xbb\xbf", "E206", "source-error"),
        ("a.csv", HEADER + b"1,a\0b\n", "E213", "encoding-error"),
        ("a.csv", HEADER + b'1,"a\n2,b\n', "E215", "source-error"),
        ("a.csv", b'id,"note\n1,2\n', "E214", "source-error"),
        ("a.csv", HEADER + b'1,"' + b"x" * (20 << 20) + b'"\n', "E216", "source-error"),
        ("a.csv", "id,note\n1,a\n".encode("utf-16"), "E210", "encoding-error"),
        ("a.csv", "id,note\n1,a\n".encode("utf-16-le"), "E210", "encoding-error"),
        ("a.csv", HEADER + "1,é\n".encode("latin-1"), "E210", "encoding-error"),
        ("a.csv.gz", b"<html>no such page</html>", "E208", "format-error"),
        (
            "a.csv.gz",
            gzip.compress(HEADER + NOISE.hex().encode(), mtime=0)[:-400],
            "E220",
            "source-error",
        ),
        ("a.zip", zipped("a.txt", b"no"), "E202", "source-error"),
        ("a.zip", zipped("b.zip", b"no"), "E223", "source-error"),
        ("a.zip", zipped("a.csv", b"0" * (50 << 20)), "E224", "source-error"),
        ("a.parquet", b"PAR1" + NOISE, "E230", "source-error"),
        ("a.parquet", parquet(), "E206", "source-error"),
        ("a.parquet", parquet(id=[1], note=[b"\xff"]), "E232", "source-error"),
    ],
)
def test_a_file_that_cannot_be_read(
    run: Check, name: str, content: bytes, code: str, issue: str
) -> None:
    report = run({name: content}, FIELDS)
    assert [(count.code, count.count) for count in report.counts] == [(issue, 1)]
    assert [(file.complete, file.rows) for file in report.files] == [(False, 0)]
    with pytest.raises(ReleaseError) as error:
        report.check()
    assert (error.value.problem.code, error.value.exit) == (code, 2)
    assert f"\nNot read to the end\n  {code}: " in str(report)


def test_a_file_that_ends_badly_is_told_as_far_as_it_was_read(run: Check) -> None:
    report = run({"a.csv.gz": gzip.compress(HEADER + b"x,a\n" * (20 << 20), 9)}, FIELDS)
    assert {"source-error", "type-integer"} <= {count.code for count in report.counts}
    (file,) = report.files
    assert file.rows > 0
    assert not file.complete
    with pytest.raises(ReleaseError, match="E224"):
        report.check()


def test_cells_of_ragged_rows_may_be_long(run: Check, told: Any) -> None:
    long = '"' + "x" * 200_000 + '"'
    report = run({"a.csv": f"id,note\n{long}\n1,{long},3\n"}, FIELDS)
    assert told(report) == {("missing-value", ""): (1, [2]), ("extra-value", ""): (1, [3])}


def test_names_that_a_terminal_would_obey_are_told_without(run: Check) -> None:
    report = run({"a.csv": f"id,note,\x1b[31m{'x' * 99}\n1,a,b\n"}, FIELDS)
    (count,) = report.counts
    assert count.field == f"\N{REPLACEMENT CHARACTER}[31m{'x' * 55}..."


def test_a_wide_header_does_not_make_an_endless_report(run: Check) -> None:
    header = ",".join(f"c{number}" for number in range(300))
    report = run({"a.csv": f"id,note,{header}\n{',' * 301}\n"}, FIELDS)
    assert len(report.counts) == 301
    assert "and 201 more kinds; --json tells them all" in str(report)


@pytest.mark.parametrize(
    ("type_", "values", "wrong"),
    [
        ("integer", pa.array([2**63, 5], pa.uint64()), [1]),
        ("number", pa.array(["1.50", "2"]).cast(pa.decimal128(9, 2)), []),
        ("number", pa.array(["1.50", "2"]).cast(pa.decimal256(50, 2)), []),
        ("number", pa.array([float("nan"), 1.0]), [1]),
        ("year", pa.array([2024, 20240], pa.int32()), [2]),
        ("date", pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32()), [1]),
        ("date", pa.array([2**60, 0], pa.int64()).view(pa.date64()), [1]),
        ("datetime", pa.array([2**62, 0], pa.int64()).view(pa.timestamp("ms")), [1]),
        ("datetime", pa.array([0, 1], pa.int64()).view(pa.timestamp("ns", "UTC")), []),
        ("datetime", pa.array([0, 1], pa.int64()).view(pa.timestamp("us", "+01:00")), []),
        ("time", pa.array([1, 3_600_000_000], pa.int64()).view(pa.time64("us")), []),
        ("string", pa.array([1, 2]), [1, 2]),
        ("any", pa.array([1, None]), []),
    ],
)
def test_parquet_values_that_no_type_holds(
    run: Check, told: Any, type_: str, values: Any, wrong: list[int]
) -> None:
    report = run({"a.parquet": parquet(x=values, y=pa.array(["a", "b"]))}, fields(type_))
    found = told(report)
    assert [lines for (_, name), (_, lines) in found.items() if name == "x"] == (
        [wrong] if wrong else []
    )


def fields(type_: str) -> list[dict[str, str]]:
    return [{"name": "x", "type": type_}, {"name": "y", "type": "string"}]


def test_columns_of_any_type_beside_the_schema_tell_rows_apart(run: Check) -> None:
    schema = {"fields": [{"name": "y", "type": "string"}], "fieldsMatch": ["subset"]}
    same = pa.array(["a", "a"])
    for values in (
        pa.array([1, 2], pa.int64()).view(pa.duration("s")),
        pa.array([2**62, 1], pa.int64()).view(pa.timestamp("ms")),
        pa.array([[1], [2]]),
        pa.array([b"\xff", b"\xfe"]),
        pa.array([b"\xff", b"\xfe"], pa.binary(1)),
        pa.array([1.5, 2.5], pa.float16()),
    ):
        assert run({"a.parquet": parquet(y=same, z=values)}, schema).counts == ()


@pytest.mark.parametrize(
    "schema",
    ["", "[" * 100_000, '{"fields": []}', '{"fields": [{"name": "x", "type": "int"}]}'],
)
def test_a_schema_that_is_none(run: Check, tmp_path: Path, schema: str) -> None:
    from epc_release.release.check import Request, check
    from epc_release.release.progress import Silent

    path = tmp_path / "wrong.json"
    path.write_text(schema, encoding="utf-8")
    report = check(Request(("a.csv",), path), Silent())
    assert [count.code for count in report.counts] == ["schema-error"]
    with pytest.raises(ReleaseError) as error:
        report.check()
    assert error.value.exit == 2
