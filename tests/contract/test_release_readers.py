"""A small release, read and validated by other people's tools."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import jsonschema
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from epc_release.manifests.verify import verify


@pytest.fixture
def package(small_release: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((small_release / "datapackage.json").read_text("utf-8"))
    return loaded


def test_it_verifies(small_release: Path) -> None:
    report = verify(small_release, deep=True)
    assert "All is as the release says." in str(report)
    assert report.ok
    assert report.rows == 60 + 28


def test_the_descriptor_is_valid_against_the_profile(
    package: dict[str, Any], shared_data: Path
) -> None:
    profile = shared_data / "datapackage-profiles" / "2.0" / "datapackage.json"
    validator = jsonschema.Draft7Validator(
        json.loads(profile.read_text("utf-8")), format_checker=jsonschema.FormatChecker()
    )
    assert [error.message for error in validator.iter_errors(package)] == []


@pytest.mark.filterwarnings("ignore")  # of frictionless and pandas, not ours
def test_frictionless_finds_it_valid(small_release: Path) -> None:
    report = frictionless.validate(str(small_release / "datapackage.json"))
    assert report.flatten(["name", "type", "note"]) == []
    assert {task.name for task in report.tasks} >= {"homes", "advice", "home-all", "home-2019"}


@pytest.mark.filterwarnings("ignore")
def test_frictionless_sees_a_wrong_row(small_release: Path) -> None:
    path = small_release / "datapackage.json"
    package = json.loads(path.read_text("utf-8"))
    package["resources"][0]["schema"]["fields"][4]["constraints"]["minimum"] = 10
    path.write_text(json.dumps(package), "utf-8")
    assert not frictionless.validate(str(path)).valid


@pytest.mark.filterwarnings("ignore")
def test_frictionless_finds_parents_of_later_partitions(
    tmp_path: Path,
    build_release: Callable[..., object],
    small_homes: Callable[..., pl.DataFrame],
    small_advice: Callable[..., pl.DataFrame],
) -> None:
    parents = small_homes()
    children = small_advice(parents.filter(pl.col("local_authority") == "W06000001"))
    build_release(tmp_path / "later", parents, children)
    report = frictionless.validate(str(tmp_path / "later" / "datapackage.json"))
    assert report.flatten(["name", "type", "note"]) == []
    assert verify(tmp_path / "later", deep=True).findings == ()


def test_sha256sum_checks_it(small_release: Path) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("no sha256sum")
    done = subprocess.run(
        [tool, "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=small_release, check=False
    )
    assert done.returncode == 0
    listed = {line[66:] for line in (small_release / "SHA256SUMS").read_text().splitlines()}
    there = {p.relative_to(small_release).as_posix() for p in small_release.rglob("*.*")}
    assert listed == there
    assert "datapackage.json" in listed


def test_parquet_readers_agree(
    small_release: Path, small_homes: Callable[..., pl.DataFrame]
) -> None:
    expected = small_homes().with_columns(pl.col("rating").cast(pl.String)).sort("number")
    folder = small_release / "parquet" / "homes"
    by_polars = pl.read_parquet(folder / "**/*.parquet", hive_partitioning=False)
    assert by_polars.sort("number").equals(expected)
    by_arrow = pl.from_arrow(ds.dataset(folder, partitioning="hive").to_table())
    assert isinstance(by_arrow, pl.DataFrame)
    assert by_arrow.sort("number").drop("local_authority").equals(expected.drop("local_authority"))
    sql = "SELECT * FROM read_parquet($files, hive_partitioning=false) ORDER BY number"
    files = {"files": str(folder / "**/*.parquet")}
    with duckdb.connect() as connection:
        relation = connection.sql(sql, params=files)
        assert relation is not None
        by_duckdb = relation.pl()
        filtered = connection.execute(
            "SELECT count(*) FROM read_parquet($files) WHERE local_authority = 'W06000001'", files
        ).fetchall()
    assert by_duckdb.equals(expected)
    assert filtered == [(20,)]


def test_no_dictionary_reaches_a_file(small_release: Path) -> None:
    for path in (small_release / "parquet").rglob("*.parquet"):
        footer = pq.ParquetFile(path)
        assert set(map(str, footer.schema_arrow.types)) <= {
            "string",
            "int64",
            "double",
            "bool",
            "date32[day]",
            "timestamp[us]",
        }
        assert footer.metadata.row_group(0).column(0).compression == "ZSTD"
        assert footer.metadata.row_group(0).column(0).has_column_index
        assert set(footer.metadata.metadata or ()) == {b"ARROW:schema", b"epc_release.schema"}


def test_archives_hold_the_same_rows(small_release: Path) -> None:
    def rows(path: Path, member: str) -> list[dict[str, str]]:
        with zipfile.ZipFile(path) as zipped:
            text = zipped.read(member).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    csvs = small_release / "csv"
    names = sorted(path.name for path in csvs.iterdir())
    assert names == [
        "home-2019.zip",
        "home-2020.zip",
        "home-2021.zip",
        "home-E06000001-Hartlepool.zip",
        "home-W06000001-Isle-of-Anglesey.zip",
        "home-all.zip",
        "home-unknown.zip",
    ]
    places = [csvs / name for name in names if name[5] in "EWu"]
    years = [csvs / f"home-{year}.zip" for year in (2019, 2020, 2021)]
    for member in ("certificates", "recommendations"):
        by_place = [row for path in places for row in rows(path, f"{member}.csv")]
        by_year = [row for path in years for row in rows(path, f"{member}.csv")]
        in_all = [
            row
            for year in (2019, 2020, 2021)
            for row in rows(csvs / "home-all.zip", f"{member}-{year}.csv")
        ]
        assert by_year == in_all

        def key(row: dict[str, str]) -> tuple[str, str]:
            return row["number"], row.get("item", "")

        assert sorted(by_place, key=key) == sorted(by_year, key=key)
    with zipfile.ZipFile(csvs / "home-unknown.zip") as zipped:
        assert zipped.read("recommendations.csv") == b"number,item,text\r\n"
        assert b"Copyright notice." in zipped.read("LICENCE.txt")


def test_the_same_facts_give_the_same_bytes(
    tmp_path: Path, build_release: Callable[..., object]
) -> None:
    for name in ("a", "b"):
        build_release(tmp_path / name)
    sums = [(tmp_path / name / "SHA256SUMS").read_bytes() for name in ("a", "b")]
    assert sums[0] == sums[1]


def test_ledger_and_quality_tell_little(small_release: Path) -> None:
    ledger = json.loads((small_release / "ledger.json").read_text("utf-8"))
    counts = {"published": 60, "outOfScope": 0, "withheld": 10, "invalid": 0}
    assert ledger["tables"]["homes"] == counts
    quality = json.loads((small_release / "quality.json").read_text("utf-8"))
    assert quality["issues"][0] == {
        "table": "homes",
        "column": "address",
        "code": "max-length",
        "severity": "error",
        "count": 3,
    }


def test_the_licence_is_never_ogl_alone(package: dict[str, Any]) -> None:
    for told in (package, *package["resources"]):
        names = [licence["name"] for licence in told["licenses"]]
        assert "OGL-UK-3.0" in names
        assert "LicenseRef-personal-data" in names
    assert "LicenseRef-addresses" in [licence["name"] for licence in package["licenses"]]
    assert package["created"] == "2024-01-31T23:59:59Z"
    assert "bytes" not in package["resources"][0]
