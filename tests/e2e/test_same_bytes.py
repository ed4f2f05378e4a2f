"""The same records give the same release, byte for byte, however they come and are worked on."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from epc_release.manifests.verify import verify
from epc_release.release import finish, prepare
from epc_release.release.write import parquet

DIALECTS = ("register", "legacy", "current")


def sums(path: Path) -> str:
    return (path / "SHA256SUMS").read_text(encoding="ascii")


def shuffled(source: Path, target: Path, parts: int) -> Path:
    """The tables of an extract with their records in another order and in several files."""
    target.mkdir()
    chance = random.Random(1)
    for file in sorted(source.glob("*s.csv")):
        if file.name == "suppressions.csv":
            continue
        with file.open(encoding="utf-8", newline="") as stream:
            header, *records = list(csv.reader(stream))
        chance.shuffle(records)
        for part in range(parts):
            name = target / f"{part}-{file.name}"
            with name.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(header)
                writer.writerows(records[part::parts])
    return target


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("policy", ["address-level", "deidentified"])
def test_formats_jobs_chunks_and_order_change_no_byte(
    extract: Callable[..., Path],
    build: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
    policy: str,
) -> None:
    source = extract(dialect)
    common: dict[str, object] = {
        "policy": policy,
        "suppressions": source / "suppressions.csv",
        "cutoff": None,
    }
    first = build(source, out=tmp_path / "first", **common)
    expected = sums(first.path)  # type: ignore[attr-defined]
    assert expected.count("\n") > 60

    for form in ("csv.gz", "zip", "parquet"):
        other = build(extract(dialect, form), out=tmp_path / form, **common)
        assert sums(other.path) == expected, form  # type: ignore[attr-defined]

    monkeypatch.setattr(prepare, "MAX_CHUNK", 200_000)
    monkeypatch.setattr(prepare, "MIN_CHUNK", 200_000)
    small = build(source, out=tmp_path / "small", **common)
    assert sums(small.path) == expected, "chunk size"  # type: ignore[attr-defined]
    two = build(source, out=tmp_path / "two", jobs=2, **common)
    assert sums(two.path) == expected, "jobs"  # type: ignore[attr-defined]


def test_partitions_that_do_not_fit_at_once(
    extract: Callable[..., Path],
    build: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a worker may hold decides how often spills are read, and nothing else."""
    monkeypatch.setattr(finish, "BLOCK_ROWS", 7)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 28)
    source = extract("legacy")
    found = set()
    for rows in (10, 60, 1_000_000):
        monkeypatch.setattr(prepare.Prepared, "group_rows", lambda *_, rows=rows: rows)
        made = build(source, out=tmp_path / str(rows), executor="serial", cutoff=None)
        found.add(sums(made.path))  # type: ignore[attr-defined]
        assert not verify(made.path, deep=True).findings  # type: ignore[attr-defined]
    assert len(found) == 1


def test_order_and_number_of_files_change_no_byte(
    extract: Callable[..., Path], build: Callable[..., object], tmp_path: Path
) -> None:
    source = extract("legacy")
    tables = [source / f"{name}.csv" for name in _tables(source)]
    cutoff = datetime(2026, 10, 1, tzinfo=UTC)
    first = build(*tables, out=tmp_path / "first", cutoff=cutoff)
    other = shuffled(source, tmp_path / "shuffled", 3)
    second = build(
        *(f"{_table(file)}={file}" for file in sorted(other.iterdir(), reverse=True)),
        out=tmp_path / "second",
        cutoff=cutoff,
    )
    assert sums(second.path) == sums(first.path)  # type: ignore[attr-defined]


def _tables(source: Path) -> list[str]:
    return sorted(file.stem for file in source.glob("*.csv") if file.stem != "suppressions")


def _table(file: Path) -> str:
    return file.stem.partition("-")[2]
