"""Two more registers, built from nothing but data: brownfield land and price paid."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import frictionless
import polars as pl
import pytest

from epc_release.manifests.verify import verify
from epc_release.release import pipeline
from epc_release.release.config import Settings
from epc_release.release.progress import Silent
from epc_release.release.synth import synthesise
from epc_release.schemas.load import load_register

pytestmark = pytest.mark.filterwarnings("ignore")  # of frictionless and pandas, not ours
CUTOFF = datetime(2026, 10, 1, tzinfo=UTC)
REFUSED = "dda69588.csv"
SITE = "OrganisationURI,SiteReference,Hectares,FirstAddedDate,LastUpdatedDate"
FYLDE = "http://opendatacommunities.org/id/district-council/fylde"
SALE = (
    '"{%s}","%s","2019-04-%02d 00:00","AG1 1AA","T","N","L","56","","PEEL BROW","","TOWN","BURY",'
    '"GREATER MANCHESTER","A","%s"\r\n'
)
Build = Callable[..., Any]


@pytest.fixture
def release(build: Build, tmp_path: Path) -> Build:
    """``release(register, sources...)``: the report of one build under the default policy."""

    def make(register: str, *sources: Path) -> Any:
        return build(*sources, register=register, policy=None, cutoff=CUTOFF)

    return make


def rows(report: Any) -> pl.DataFrame:
    return pl.read_parquet(report.path / "parquet" / "*" / "*" / "*.parquet")


def check(report: Any) -> None:
    """Every row read again, and other people's validator content with all of it."""
    verify(report.path, deep=True).check()
    found = frictionless.validate(str(report.path / "datapackage.json"))
    assert found.flatten(["name", "type", "note"]) == []


def records(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as stream:
        return sum(1 for row in csv.reader(stream) if row) - 1


def test_the_council_returns_become_one_data_set(shared_data: Path, release: Build) -> None:
    files = sorted((shared_data / "brownfield-land").glob("*.csv"))
    report = release("brownfield-land", shared_data / "brownfield-land")
    ledger = report.ledger
    told = ledger["tables"]["brownfield-land"]
    assert told["read"] == sum(records(file) for file in files if file.name != REFUSED) == 486
    assert told["excluded"] == {"superseded": 54}
    assert told["rejected"] == {"duplicate-row": 2, "required-missing": 16}
    assert told["published"] == 414
    (refused,) = ledger["refused"]
    assert refused["name"].endswith(REFUSED)
    assert refused["records"] == records(shared_data / "brownfield-land" / REFUSED) == 28
    assert REFUSED in report.summary()
    public = json.loads((report.path / "ledger.json").read_text(encoding="utf-8"))
    assert public["refused"] == {"files": 1, "records": 28}
    private = json.loads((report.state / "t1" / "report.json").read_text(encoding="utf-8"))
    assert "SiteReference" in private["refused"][0]["problem"]
    check(report)


def test_the_council_returns_keep_to_the_standard(shared_data: Path, release: Build) -> None:
    sites = rows(release("brownfield-land", shared_data / "brownfield-land"))
    assert sites["OrganisationCode"].n_unique() == 11
    assert not sites.select("OrganisationCode", "SiteReference").is_duplicated().any()
    uris = sites["OrganisationURI"]
    assert uris.str.starts_with("http://opendatacommunities.org/id/").all()
    grid = sites.filter(pl.col("CoordinateReferenceSystem") == "OSGB36")
    degrees = sites.filter(pl.col("CoordinateReferenceSystem") != "OSGB36")
    assert len(grid) + len(degrees) == len(sites)
    assert grid.select(pl.col("GeoX").is_between(80_000, 660_000).all()).item()
    assert grid.select(pl.col("GeoY").is_between(5_000, 660_000).all()).item()
    assert degrees.select(pl.col("GeoX").is_between(-7, 2).all()).item()
    assert degrees.select(pl.col("GeoY").drop_nulls().is_between(49, 56).all()).item()
    assert sites["GeoY"].null_count() == 5  # given as the longitude again, and nowhere else
    newest = sites.group_by("OrganisationCode").agg(pl.col("LastUpdatedDate").max())
    days = dict(newest.iter_rows())
    assert days["district-council-west-devon"] == date(2021, 1, 13)
    assert days["dev-corp-old-oak-and-park-royal"] == date(2019, 10, 20)


def test_the_real_sales_are_all_additions(shared_data: Path, release: Build) -> None:
    report = release("price-paid", shared_data / "price-paid" / "ppd_data.csv")
    told = report.ledger["tables"]["transactions"]
    assert (told["read"], told["published"]) == (15_374, 15_374)
    assert (told["excluded"], told["rejected"]) == ({}, {})
    assert {path.name for path in (report.path / "csv").iterdir()} == {
        "price-paid-2019.zip",
        "price-paid-all.zip",
    }
    sales = rows(report)
    assert "record_status" not in sales.columns
    assert sales["linked_data_uri"].null_count() == 0
    check(report)


def test_monthly_files_change_and_take_back_sales(release: Build, tmp_path: Path) -> None:
    ids = [f"8A78B2AF-863A-5CB0-E053-6B04A8C0F50{i}" for i in range(5)]
    folder = tmp_path / "in"
    folder.mkdir()
    whole = "".join(SALE % (ids[i], 100_000 + i, 1 + i, "A") for i in range(4))
    march = SALE % (ids[0], 111_000, 1, "C") + SALE % (ids[1], 100_001, 2, "D")
    march += SALE % (ids[4], 50_000, 5, "A") + SALE % (ids[4], 55_000, 5, "C")
    april = SALE % (ids[0], 112_000, 1, "C") + SALE % (ids[1], 120_000, 2, "A")
    april += SALE % (ids[2], 100_002, 3, "D")
    (folder / "pp-complete.csv").write_bytes(whole.encode())
    (folder / "pp-monthly-2024-03.csv").write_bytes(march.encode())
    (folder / "a-2024-04.csv").write_bytes(april.encode())
    report = release("price-paid", folder)
    told = report.ledger["tables"]["transactions"]
    assert told == {
        "read": 11,
        "published": 4,
        "excluded": {"removed": 1, "superseded": 6},
        "rejected": {},
        "suppressed": 0,
    }
    prices = dict(rows(report).select("unique_id", "price_paid").iter_rows())
    assert prices == {ids[0]: 112_000, ids[1]: 120_000, ids[3]: 100_003, ids[4]: 55_000}
    assert not (report.state / "t1" / "quarantine").exists()  # nothing of what is excluded is kept
    check(report)


def test_drifting_returns_of_one_authority(release: Build, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [
        SITE + ",Notes,",
        f"{FYLDE},BP01,0.5,21/12/2017,21/12/2017,Caf\u00e9 ,",
        f"{FYLDE},BP02,0.5,30-Nov-17,3/1/2018,,",
        ",,,,,,",
        f"{FYLDE},,0.5,,,,",
    ]
    (folder / "old.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    newer = [
        "end-date;LA SITE REF;AREA (HA);GeoX;GeoY;open data website;Date last updated",
        f"2021-01-01;BP01;0.6;53.75;-2.9;{FYLDE.replace('http', 'https')};2020-01-01",
    ]
    (folder / "new.csv").write_bytes("\r".join(newer).encode())
    (folder / "other.csv").write_text("SiteReference,Hectares\nA,1\n", encoding="utf-8")
    report = release("brownfield-land", folder)
    assert report.ledger["tables"]["brownfield-land"] == {
        "read": 5,
        "published": 2,
        "excluded": {"blank-row": 1, "superseded": 1},
        "rejected": {"required-missing": 1},
        "suppressed": 0,
    }
    assert [(file["code"], file["records"]) for file in report.ledger["refused"]] == [("E124", 1)]
    first, second = rows(report).sort("SiteReference").to_dicts()
    assert (first["Hectares"], first["GeoX"], first["GeoY"]) == (0.6, -2.9, 53.75)
    assert (first["EndDate"], first["Notes"]) == (date(2021, 1, 1), None)
    assert second["FirstAddedDate"] == date(2017, 11, 30)
    assert second["LastUpdatedDate"] is None  # an unpadded day does not parse
    private = json.loads((report.state / "t1" / "report.json").read_text(encoding="utf-8"))
    assert private["encodings"] == {"in/old.csv": "cp1252"}
    check(report)


@pytest.mark.parametrize(
    ("register", "dialect"),
    [("brownfield-land", None), ("price-paid", None), ("price-paid", "headless")],
)
def test_synthetic_extracts_of_them_build_and_hold_back_canaries(
    register: str, dialect: str | None, release: Build, tmp_path: Path
) -> None:
    source = tmp_path / "extract"
    synthesise(source, rows=1_500, seed=3, register=load_register(register), dialect=dialect)
    report = release(register, source)
    (told,) = report.ledger["tables"].values()
    gone = sum(told["excluded"].values()) + sum(told["rejected"].values())
    assert told["read"] == 1_500 == told["published"] + gone
    assert 0 < gone < 75
    text = rows(report).write_csv()
    canaries = (source / "private" / "canaries.txt").read_text(encoding="utf-8").splitlines()
    assert not [value for value in canaries if value in text]
    check(report)


def test_the_same_bytes_whatever_the_order_and_the_jobs(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "brownfield-land").glob("*.csv"))
    sums = []
    for number, sources in enumerate((files, files[::-1])):
        made = Settings(
            sources=tuple(map(str, sources)),
            register="brownfield-land",
            out=tmp_path / f"o{number}",
            state=tmp_path / f"s{number}",
            release="t1",
            cutoff=CUTOFF,
            jobs=1 + number,
        )
        report = pipeline.build(made, Silent())
        sums.append((report.path / "SHA256SUMS").read_bytes())
    assert sums[0] == sums[1]
