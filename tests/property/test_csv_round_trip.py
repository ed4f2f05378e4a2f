"""Any published frame as CSV, read back by other readers; fragments in any order."""

from __future__ import annotations

import csv
import io
import math
import zlib
from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zlib_ng import zlib_ng

from epc_release.manifests.content import csv_header, csv_lines, number_text
from epc_release.release.write.fragments import END, Run, compress_partitions

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=12)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": (pl.String, TEXT),
    "coded": (pl.Categorical, TEXT),
    "integer": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "number": (pl.Float64, NUMBER),
    "boolean": (pl.Boolean, st.booleans()),
    "day": (pl.Date, st.dates(date(1, 1, 1))),
    "time": (pl.Datetime("us"), st.datetimes(datetime(1, 1, 1))),
}
ROWS = st.lists(st.tuples(*(st.none() | cells for _, cells in COLUMNS.values())), max_size=30)


def to_frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {name: dtype for name, (dtype, _) in COLUMNS.items()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def same(found: object, expected: object) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return found == expected or math.isclose(found, expected, rel_tol=0, abs_tol=0)
    return found == expected


@given(ROWS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_other_readers_read_the_same(rows: list[tuple[Any, ...]]) -> None:
    frame = to_frame(rows)
    lines = csv_lines(frame)
    data = csv_header(tuple(frame.columns)) + bytes(lines.data)
    by_python = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert len(by_python) == len(rows) == len(lines.ends)
    for found, row in zip(by_python, rows, strict=True):
        for text, (name, value) in zip(found.values(), zip(COLUMNS, row, strict=True), strict=True):
            assert text == "" if value is None else same(parse(name, text), value)
    by_polars = pl.read_csv(data, schema_overrides=dict.fromkeys(COLUMNS, pl.String))
    assert by_polars["text"].to_list() == frame["text"].to_list()
    numbers = by_polars["number"].cast(pl.Float64).to_list()
    assert numbers == frame["number"].to_list()


def parse(name: str, text: str) -> object:
    readers: dict[str, Any] = {
        "integer": int,
        "number": float,
        "boolean": {"true": True, "false": False}.__getitem__,
        "day": date.fromisoformat,
        "time": datetime.fromisoformat,
    }
    return readers.get(name, str)(text)


@given(ROWS.filter(bool))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_duckdb_reads_the_same(tmp_path_factory: Any, rows: list[tuple[Any, ...]]) -> None:
    frame = to_frame(rows)
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_bytes(csv_header(tuple(frame.columns)) + bytes(csv_lines(frame).data))
    sql = (
        "SELECT * FROM read_csv($path, header=true, all_varchar=true, auto_detect=false, "
        "delim=',', quote='\"', escape='\"', columns=$columns)"
    )
    columns = dict.fromkeys(COLUMNS, "VARCHAR")
    with duckdb.connect() as connection:
        found = connection.execute(sql, {"path": str(path), "columns": columns}).fetchall()
    assert [row[0] for row in found] == [row[0] for row in rows]
    assert [row[2] for row in found] == [None if row[2] is None else str(row[2]) for row in rows]


@given(NUMBER)
def test_a_number_keeps_every_digit(number: float) -> None:
    text = number_text(pl.Series([number])).item()
    assert float(text) == number
    assert text == number_text(pl.Series([float(text)])).item()
    assert not text.endswith(".0")
    assert text != "-0"
    assert ("e" in text) == (number != 0 and not 1e-6 <= abs(number) < 1e21)


@given(st.lists(st.tuples(TEXT, TEXT, st.integers(0, 3)), min_size=1, max_size=40), st.randoms())
@settings(deadline=None)
def test_fragments_concatenate_in_any_order(rows: list[tuple[str, str, int]], random: Any) -> None:
    rows = sorted(rows, key=lambda row: row[2])
    frame = pl.DataFrame(rows, schema=["a", "b", "year"], orient="row")
    runs, start = [], 0
    for length, year in frame["year"].rle().struct.unnest().iter_rows():
        runs.append(Run("E1", str(year), start, start + length))
        start += length
    store = io.BytesIO()
    (part,) = compress_partitions([frame], ["a", "b"], runs, store, store="store")
    data = store.getvalue()
    order = list(zip(runs, part.fragments, strict=True))
    random.shuffle(order)
    packed = b"".join(data[f.offset : f.offset + f.length] for _, f in order) + END
    raw = b"".join(
        bytes(csv_lines(frame.select("a", "b").slice(run.start, run.stop - run.start)).data)
        for run, _ in order
    )
    assert zlib.decompress(packed, -15) == raw
    crc = 0
    for _, fragment in order:
        crc = zlib_ng.crc32_combine(crc, fragment.crc32, fragment.raw_bytes)
    assert crc == zlib.crc32(raw)
