"""Parquet: typed columns as the text of a CSV, row groups together or taken apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epc_release.release.source import (
    chunks,
    discover,
    line_numbers,
    raw_records,
    read_chunk,
)
from epc_release.schemas.register import Register

if TYPE_CHECKING:
    from tests.unit.release.source.conftest import FailsWith, Source

TIMES = [datetime(2024, 1, 31, 23, 59, 59), datetime(2024, 7, 1, 0, 0, 0, 500_000), None]
ZONED = [datetime(2024, 7, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 12, tzinfo=UTC), None]
TYPED: dict[str, tuple[Any, list[str]]] = {
    "text": (pa.array(["a", None, 'é,"\n']), ["a", "", 'é,"\n']),
    "large": (pa.array(["a", "a", ""], pa.large_string()), ["a", "a", ""]),
    "binary": (pa.array([b"x", None, b"y"]), ["x", "", "y"]),
    "small": (pa.array([1, -2, None], pa.int8()), ["1", "-2", ""]),
    "whole": (pa.array([2**63 - 1, 0, None]), [str(2**63 - 1), "0", ""]),
    "real": (pa.array([5.0, 0.1, None]), ["5", "0.1", ""]),
    "single": (pa.array([0.1, 1.5, None], pa.float32()), ["0.1", "1.5", ""]),
    "money": (pa.array([Decimal("1.50"), Decimal("-0.05"), None]), ["1.50", "-0.05", ""]),
    "flag": (pa.array([True, False, None]), ["true", "false", ""]),
    "day": (pa.array([date(2024, 2, 29), date(999, 1, 1), None]), ["2024-02-29", "0999-01-01", ""]),
    "time": (
        pa.array(TIMES, pa.timestamp("us")),
        ["2024-01-31 23:59:59", "2024-07-01 00:00:00.5", ""],
    ),
    "zoned": (
        pa.array(ZONED, pa.timestamp("ms", "UTC")),
        ["2024-07-01 13:00:00", "2024-01-01 12:00:00", ""],
    ),
    "nothing": (pa.nulls(3), ["", "", ""]),
    "category": (pa.array(["x", None, "x"]).dictionary_encode(), ["x", "", "x"]),
}


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("taken_apart", [True, False])
def test_types_become_text(
    tmp_path: Path, register_of: Callable[..., Register], plain: bool, taken_apart: bool
) -> None:
    path = tmp_path / "all.parquet"
    table = pa.table({name: values for name, (values, _) in TYPED.items()})
    pq.write_table(table, path)
    found = discover([str(path)], register_of(all=tuple(TYPED)))
    read = chunks(found.parts, work=tmp_path, chunk_bytes=1 if taken_apart else 1 << 20)
    raws = []
    for chunk in read:
        raws.append(read_chunk(chunk, plain=set(TYPED) if plain else ()).table)
        assert chunk.staged == taken_apart
        chunk.discard()
    assert len(raws) == (3 if taken_apart else 1)
    kind = pa.string() if plain else pa.dictionary(pa.int32(), pa.string())
    for name, (_, texts) in TYPED.items():
        columns = [raw.column(name) for raw in raws]
        assert [cell for column in columns for cell in column.to_pylist()] == texts, name
        assert all(column.type == kind and not column.null_count for column in columns)
    assert [p.name for p in tmp_path.iterdir()] == ["all.parquet"]


@pytest.fixture
def homes(source: Source) -> Source:
    ids = [str(n) for n in range(100)]
    table = pa.table({"ID": ids, "NAME": ['Ann, "A"', None] * 50, "CITY": ["York"] * 100})
    pq.write_table(table, source.root / "homes.parquet", row_group_size=10)
    return source


@pytest.mark.parametrize("chunk_bytes", [1, 100, 300, 310, 1000, 1 << 20])
def test_row_groups(homes: Source, chunk_bytes: int) -> None:
    read = homes.read(chunk_bytes=chunk_bytes)
    assert [n for _, raw in read for n in raw.table.column("id").to_pylist()] == [
        str(n) for n in range(100)
    ]
    row = 1
    for number, (chunk, raw) in enumerate(read):
        assert (chunk.first_line, chunk.number, chunk.records) == (row, number, raw.rows)
        assert raw.rows <= max(1, chunk_bytes // 30)
        row += raw.rows
    assert read[-1][0].consumed == homes.discover().parts[0].bytes


@pytest.mark.parametrize("limit", [0, 1, 10, 25, 100, 1000])
def test_limit(homes: Source, limit: int) -> None:
    for size in (1, 450, 1 << 20):
        found = chunks(homes.discover().parts, work=homes.work, chunk_bytes=size, limit=limit)
        assert sum(read_chunk(chunk).rows for chunk in found) == min(limit, 100)


@pytest.mark.parametrize("chunk_bytes", [150, 1 << 20])
def test_rejects(homes: Source, chunk_bytes: int) -> None:
    chunk = list(chunks(homes.discover().parts, work=homes.work, chunk_bytes=chunk_bytes))[-1]
    assert chunk.records is not None
    last = chunk.records - 1
    assert line_numbers(chunk, [last]) == [100]
    assert raw_records(chunk, [last, last - 1]) == ["99,,York", '98,"Ann, ""A""",York']


def test_wanted_columns(homes: Source) -> None:
    (chunk,) = chunks(homes.discover().parts, work=homes.work, chunk_bytes=1 << 20)
    table = read_chunk(chunk, wanted={"city", "id"}, plain={"id"}).table
    assert table.column_names == ["id", "city"]
    assert table.schema.field("id").type == pa.string()


def test_no_rows(source: Source) -> None:
    table = pa.table({name: pa.array([], pa.string()) for name in ("ID", "NAME", "CITY")})
    pq.write_table(table, source.root / "homes.parquet")
    assert source.read() == []


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.duration("s")]
)
def test_columns_that_are_no_values(source: Source, fails: type[FailsWith], kind: Any) -> None:
    pq.write_table(pa.table({"ID": pa.nulls(1, kind)}), source.root / "homes.parquet")
    with fails("E231") as failed:
        source.discover()
    assert "column ID" in failed.text


def test_binary_that_is_no_text(source: Source, fails: type[FailsWith]) -> None:
    table = pa.table({"ID": [b"\xff"], "NAME": ["a"], "CITY": ["b"]})
    pq.write_table(table, source.root / "homes.parquet")
    with fails("E232") as failed:
        source.read()
    assert "column ID" in failed.text


def test_damaged_files(homes: Source, fails: type[FailsWith]) -> None:
    path = homes.root / "homes.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    with fails("E230"):
        homes.discover()
    path.write_bytes(data[:4] + b"\xff" * 400 + data[404:])
    with fails("E230"):
        homes.read()
    with fails("E230"):
        homes.read(chunk_bytes=1)


def test_file_that_changes(homes: Source, fails: type[FailsWith]) -> None:
    parts = homes.discover().parts
    read = list(chunks(parts, work=homes.work, chunk_bytes=1 << 20))
    path = homes.root / "homes.parquet"
    path.write_bytes(path.read_bytes() + b"more")
    with fails("E230"):
        read_chunk(read[0])
