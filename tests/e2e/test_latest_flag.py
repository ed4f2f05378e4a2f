"""The flag for the latest record of each unit, where records are hard to tell apart."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from epc_release.release import prepare
from epc_release.release.report import BuildReport

CUTOFF = datetime(2026, 10, 1, tzinfo=UTC)
UNITS = 150
TABLE = "domestic-certificates"


@pytest.fixture
def crowded(extract: Callable[..., Path], tmp_path: Path) -> Path:
    """Certificates of a few properties, most of them lodged on one day at one time."""
    chance = random.Random(3)
    with (extract("legacy") / f"{TABLE}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["UPRN"] = chance.choice([*map(str, range(1, UNITS + 1)), ""])
        if row["LODGEMENT_DATE"] and chance.random() < 0.9:
            row["LODGEMENT_DATE"] = chance.choice(["2019-05-01", "2019-05-02"])
            row["LODGEMENT_DATETIME"] = chance.choice(["", row["LODGEMENT_DATE"] + " 10:00:00"])
    return _write(tmp_path / "crowded", rows)


def _write(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir()
    with (folder / f"{TABLE}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _sums(report: BuildReport) -> str:
    return (report.path / "SHA256SUMS").read_text("ascii")


def test_ties_are_broken_alike_whatever_the_order(
    crowded: Path,
    build: Callable[..., BuildReport],
    unsuppressed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"policy": str(unsuppressed), "cutoff": CUTOFF}
    first = build(crowded, out=tmp_path / "first", **settings)
    flags = pl.read_parquet(
        first.path / "parquet" / TABLE / "*" / "*.parquet", columns=["latest_for_property"]
    ).to_series()
    assert flags.sum() == UNITS
    assert flags.null_count() > 0
    assert (~flags).sum() > 5 * UNITS

    with (crowded / f"{TABLE}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(5).shuffle(rows)
    monkeypatch.setattr(prepare, "MAX_CHUNK", 100_000)
    monkeypatch.setattr(prepare, "MIN_CHUNK", 100_000)
    other = _write(tmp_path / "shuffled", rows)
    assert _sums(build(other, out=tmp_path / "other", **settings)) == _sums(first)
    assert _sums(build(other, out=tmp_path / "two", jobs=2, **settings)) == _sums(first)


def test_without_units_there_is_no_latest(
    crowded: Path, build: Callable[..., BuildReport], unsuppressed: Path, tmp_path: Path
) -> None:
    with (crowded / f"{TABLE}.csv").open(encoding="utf-8", newline="") as file:
        rows = [{**row, "UPRN": ""} for row in csv.DictReader(file)]
    made = build(_write(tmp_path / "bare", rows), policy=str(unsuppressed), cutoff=CUTOFF)
    flags = pl.read_parquet(made.path / "parquet" / TABLE / "*" / "*.parquet")
    assert flags["latest_for_property"].is_null().all()
