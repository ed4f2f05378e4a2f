"""Fragments and the zips made of them, read by other readers; Parquet parts."""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.content import csv_header
from epc_release.release.write.archives import Archive, TableCsv, plan_archives, write_archive
from epc_release.release.write.fragments import (
    BLOCK_ROWS,
    END,
    PartitionCsv,
    Run,
    compress_partitions,
)
from epc_release.release.write.parquet import open_part, to_arrow
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import TableSchema

SCHEMA = TableSchema(
    {"fields": [{"name": "key", "type": "string"}, {"name": "n", "type": "integer"}]}
)
FIRST = Table("certificates", SCHEMA, ("key",), "place", "day", (), "homes", "certificates")
SECOND = Table("advice", SCHEMA, ("key",), "place", None, (), "homes", "recommendations")
NAMES = ("key", "n")


def register() -> Register:
    return Register("r", "R", (FIRST, SECOND), (), "p", "UTC", "", {}, (), (), (), "")


def frame(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"key": [f"key {n}" for n in range(rows)], "n": range(rows)})


def compressed(path: Path, runs: list[Run]) -> list[PartitionCsv]:
    with path.open("wb") as sink:
        return compress_partitions([frame(runs[-1].stop)], NAMES, runs, sink, store=str(path))


RUNS = [
    Run("E1", "2019", 0, 10),
    Run("E1", "2020", 10, BLOCK_ROWS + 5),
    Run("E2", "2020", BLOCK_ROWS + 5, BLOCK_ROWS + 6),
    Run(None, "unknown", BLOCK_ROWS + 6, BLOCK_ROWS + 9),
]


def expected(start: int, stop: int) -> bytes:
    return b"".join(b"key %d,%d\r\n" % (n, n) for n in range(start, stop))


@pytest.fixture
def archives(tmp_path: Path) -> tuple[Archive, ...]:
    first = compressed(tmp_path / "first", RUNS)
    second = compressed(tmp_path / "second", [Run("E1", "2020", 0, 2)])
    tables = [
        TableCsv(FIRST, NAMES, tuple(reversed(first)), "place", "day"),
        TableCsv(SECOND, NAMES, tuple(second), "place", "day"),
    ]
    return plan_archives(register(), tables, "Licence.\n")


def test_fragments_hold_their_records(tmp_path: Path) -> None:
    store = tmp_path / "store"
    parts = compressed(store, RUNS)
    data = store.read_bytes()
    assert [part.value for part in parts] == ["E1", "E2", None]
    assert [part.rows for part in parts] == [BLOCK_ROWS + 5, 1, 3]
    found = [fragment for part in parts for fragment in part.fragments]
    for run, fragment in zip(RUNS, found, strict=True):
        raw = zlib.decompress(data[fragment.offset :][: fragment.length] + END, -15)
        assert raw == expected(run.start, run.stop)
        assert (len(raw), zlib.crc32(raw)) == (fragment.raw_bytes, fragment.crc32)
        assert fragment.year == run.year
    whole = csv_header(NAMES) + expected(0, BLOCK_ROWS + 5)
    assert parts[0].content_sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    "runs",
    [
        [Run("a", "x", 0, 2), Run("a", "y", 3, 4)],
        [Run("a", "x", 0, 0), Run("a", "y", 0, 4)],
        [Run("a", "x", 1, 4)],
        [Run("a", "x", 0, 3)],
        [],
    ],
)
def test_runs_must_cover_the_frame(runs: list[Run]) -> None:
    with pytest.raises(ValueError, match="cover"):
        compress_partitions([frame(4)], NAMES, runs, io.BytesIO(), store="")


def test_what_each_archive_holds(archives: tuple[Archive, ...], tmp_path: Path) -> None:
    assert [archive.path for archive in archives] == [
        "csv/homes-2019.zip",
        "csv/homes-2020.zip",
        "csv/homes-E1.zip",
        "csv/homes-E2.zip",
        "csv/homes-all.zip",
        "csv/homes-unknown-year.zip",
        "csv/homes-unknown.zip",
    ]
    archives = pickle.loads(pickle.dumps(archives))
    for archive in archives:
        facts = write_archive(tmp_path, archive)
        path = tmp_path / archive.path
        assert facts.bytes == path.stat().st_size
        assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        with zipfile.ZipFile(path) as zipped:
            assert zipped.testzip() is None
            told = [member.name for member in facts.members]
            assert zipped.namelist() == [*told, "LICENCE.txt"]
            assert zipped.read("LICENCE.txt") == b"Licence.\n"
            for member in facts.members:
                lines = zipped.read(member.name)
                assert len(lines) == member.bytes
                assert lines.count(b"\r\n") == member.rows + 1
    with zipfile.ZipFile(tmp_path / "csv/homes-2020.zip") as zipped:
        certificates = zipped.read("certificates.csv")
    assert certificates == csv_header(NAMES) + expected(10, BLOCK_ROWS + 6)
    with zipfile.ZipFile(tmp_path / "csv/homes-all.zip") as zipped:
        assert zipped.namelist()[:3] == [
            "certificates-2019.csv",
            "certificates-2020.csv",
            "certificates-unknown.csv",
        ]


def streamed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Read a zip from its local headers alone, as a reader of a stream must."""
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        flags, method, _, _, crc, packed, raw, name, extra = struct.unpack_from(
            "<HHHHIIIHH", data, at + 6
        )
        start = at + 30 + name + extra
        if packed == 0xFFFFFFFF:
            kind, length, raw, packed = struct.unpack_from("<HHQQ", data, at + 30 + name)
            assert (kind, length) == (1, 16)
        assert (flags, method) == (0x0800, 8)
        content = zlib.decompress(data[start : start + packed], -15)
        assert (len(content), zlib.crc32(content)) == (raw, crc)
        yield data[at + 30 : at + 30 + name].decode(), content
        at = start + packed
    assert data[at : at + 4] == b"PK\x01\x02"


@pytest.mark.parametrize("zip64_from", [0xFFFFFFFF, 1000, 1])
def test_every_reader_reads_it(
    archives: tuple[Archive, ...], tmp_path: Path, zip64_from: int
) -> None:
    archive = archives[1]
    facts = write_archive(tmp_path, archive, zip64_from=zip64_from)
    path = tmp_path / facts.path
    with zipfile.ZipFile(path) as zipped:
        assert zipped.testzip() is None
        infos = zipped.infolist()
        by_python = {info.filename: zipped.read(info) for info in infos}
    assert dict(streamed(path.read_bytes())) == by_python
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert infos[0].header_offset == 0
    if zip64_from == 1:
        assert b"PK\x06\x06" in path.read_bytes()
        assert all(info.extract_version == 45 for info in infos)
    if unzip := shutil.which("unzip"):
        done = subprocess.run([unzip, "-tqq", str(path)], capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_same_fragments_give_the_same_bytes(
    archives: tuple[Archive, ...], tmp_path: Path
) -> None:
    sums = {write_archive(tmp_path / name, archives[0]).sha256 for name in ("a", "b")}
    assert len(sums) == 1


def test_what_the_policy_drops_has_no_archive(tmp_path: Path) -> None:
    csv = tuple(compressed(tmp_path / "store", [Run(None, "unknown", 0, 3)]))
    planned = plan_archives(register(), [TableCsv(FIRST, NAMES, csv, None, None)], "")
    assert [archive.path for archive in planned] == ["csv/homes-all.zip"]
    assert [member.name for member in planned[0].members] == ["certificates.csv", "LICENCE.txt"]


def test_archives_that_are_wanted(tmp_path: Path) -> None:
    csv = tuple(compressed(tmp_path / "store", RUNS))
    table = TableCsv(FIRST, NAMES, csv, "place", "day")
    planned = plan_archives(register(), [table], "", kinds=("all",))
    assert [archive.path for archive in planned] == ["csv/homes-all.zip"]
    assert plan_archives(register(), [TableCsv(FIRST, NAMES, (), "place", "day")], "") == ()


def test_two_archives_of_one_name(tmp_path: Path) -> None:
    csv = tuple(compressed(tmp_path / "store", [Run("2019", "2019", 0, 3)]))
    with pytest.raises(ReleaseError, match="E380"):
        plan_archives(register(), [TableCsv(FIRST, NAMES, csv, "place", "day")], "")


def test_a_store_that_ends_early(archives: tuple[Archive, ...], tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"")
    with pytest.raises(EOFError):
        write_archive(tmp_path, archives[0])


def test_a_part_has_no_trace_of_what_was_filtered(tmp_path: Path) -> None:
    schema = TableSchema(
        {
            "fields": [
                {"name": "key", "type": "string", "description": "Key."},
                {"name": "day", "type": "date"},
                {"name": "n", "type": "number"},
            ]
        }
    )
    coded = pl.DataFrame(
        {
            "key": ["kept", "secret"],
            "day": [date(2024, 1, 1), None],
            "n": [1.5, None],
            "more": [1, 2],
        },
        schema_overrides={"key": pl.Categorical},
    ).filter(pl.col("n").is_not_null())
    table = to_arrow(coded, arrow_schema(schema))
    facts = []
    for n in range(2):
        with open_part(tmp_path, f"{n}/p.parquet", table.schema, sorted_by=["key"]) as part:
            part.write(table)
        facts.append(part.facts(None))
    assert facts[0].sha256 == facts[1].sha256
    data = (tmp_path / "0/p.parquet").read_bytes()
    assert (facts[0].bytes, facts[0].rows) == (len(data), 1)
    assert facts[0].sha256 == hashlib.sha256(data).hexdigest()
    read = pq.read_table(tmp_path / "0/p.parquet")
    assert [str(dtype) for dtype in read.schema.types] == ["string", "date32[day]", "double"]
    assert read.to_pylist() == [{"key": "kept", "day": date(2024, 1, 1), "n": 1.5}]
    assert read.schema.field("key").metadata == {b"description": b"Key."}
    footer = pq.ParquetFile(tmp_path / "0/p.parquet").metadata.row_group(0)
    assert footer.sorting_columns[0].column_index == 0
    pages = pq.ParquetWriter(tmp_path / "plain.parquet", table.schema, compression="none")
    with pages as writer:
        writer.write_table(table)
    assert b"secret" not in (tmp_path / "plain.parquet").read_bytes()
