"""Gates over whole builds: what stops one, what passes it once, and what is told of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.verify import verify
from epc_release.release.cli import main
from epc_release.release.cli.app import group
from epc_release.release.cli.failure import guard

Rows = list[dict[str, str]]
Build = Callable[..., Any]
TABLE = "domestic-certificates"


def changed(source: Path, folder: Path, change: Callable[[Rows], Iterable[dict[str, str]]]) -> Path:
    """The certificates of homes alone, with other rows."""
    folder.mkdir()
    with (source / f"{TABLE}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / f"{TABLE}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(change(rows))
    (folder / "suppressions.csv").write_text("certificate_number,event,time\n", encoding="utf-8")
    return folder


def spoiled(rows: Rows) -> Rows:
    """One certificate in ten has no readable date of lodgement, nine in ten no readable area."""
    bad = [{**row, "lodgement_date": "soon"} if n % 10 == 0 else row for n, row in enumerate(rows)]
    return [{**row, "total_floor_area": "big"} if n % 10 else row for n, row in enumerate(bad)]


def as_they_are(rows: Rows) -> Rows:
    return rows


COMMON: dict[str, Any] = {"archives": ("year",), "cutoff": None, "suppressions_as_of": None}


@pytest.fixture
def make(build: Build, tmp_path: Path) -> Build:
    """``make(source, release, ...)``: one build with the date that the extract would have told."""
    from datetime import UTC, datetime

    def one(source: Path, release: str, **more: Any) -> Any:
        cutoff = datetime(2026, 10, 1, tzinfo=UTC)
        settings = {**COMMON, "cutoff": cutoff, "suppressions_as_of": cutoff, "release": release}
        return build(source, **{**settings, **more})

    return one


def stopped(make: Build, *args: Any, **more: Any) -> str:
    with pytest.raises(ReleaseError) as caught:
        make(*args, **more)
    assert (caught.value.problem.code, caught.value.exit) == ("E301", 3)
    return str(caught.value)


def test_shares_stop_a_build_and_are_accepted_once(
    extract: Callable[..., Path], make: Build, tmp_path: Path
) -> None:
    source = changed(extract(), tmp_path / "bad", spoiled)
    message = stopped(make, source, "r1")
    assert "rejected" in message
    assert "total_floor_area" in message
    assert not (tmp_path / "out").exists()
    (kept,) = (tmp_path / "state" / "r1").iterdir()  # what was rejected, to be looked at
    assert kept.name == "stopped"
    assert str(kept / "quarantine") in message
    assert "type-number" in stopped(make, source, "r1", accept=("rejected",), reason="x")

    both = {"accept": ("rejected", "type-number"), "reason": "the register was mended by hand"}
    report = make(source, "r1", **both)
    quality = json.loads((report.path / "quality.json").read_text("utf-8"))
    codes = [{"table": TABLE, "code": code} for code in ("rejected", "type-number")]
    assert quality["accepted"] == codes
    assert "Accepted: domestic-certificates rejected" in report.summary()
    public = b"".join(path.read_bytes() for path in report.path.glob("*.json"))
    assert b"mended by hand" not in public

    private = json.loads((tmp_path / "state" / "r1" / "report.json").read_text("utf-8"))
    assert private["reason"] == "the register was mended by hand"
    assert {one["code"] for one in private["accepted"]} == {"rejected", "type-number"}
    log = (tmp_path / "state" / "operations.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["action"] for line in log] == ["accept", "build"]
    assert json.loads(log[0])["reason"] == "the register was mended by hand"

    again = stopped(make, source, "r2")  # once only; and the table says since when
    assert again.count(" r1") >= 2
    assert verify(report.path, deep=True).ok


def test_a_lost_authority_and_year_stop_a_build(
    extract: Callable[..., Path], make: Build, tmp_path: Path
) -> None:
    source = changed(extract(), tmp_path / "all", as_they_are)
    first = make(source, "r1")
    rows = pl.read_parquet(first.path / "parquet" / TABLE, hive_partitioning=False)
    (place, held), *_ = rows["local_authority"].value_counts(sort=True).iter_rows()
    assert held >= 10

    def without_place(rows: Rows) -> Rows:
        return [row for row in rows if row["local_authority"] != place]

    fewer = changed(extract(), tmp_path / "fewer", without_place)
    message = stopped(make, fewer, "r2", previous=str(first.path))
    assert "vanished" in message
    assert f"local_authority {place}" in message
    made = make(fewer, "r2", previous=str(first.path), accept=("vanished",), reason="abolished")
    assert "Compared with release r1." in made.summary()

    def without_year(rows: Rows) -> Rows:
        return [row for row in rows if not row["lodgement_date"].startswith("2023")]

    older = changed(extract(), tmp_path / "older", without_year)
    assert "year 2023" in stopped(make, older, "r3", previous=str(first.path))


def test_recoded_authorities_are_no_alarm(
    extract: Callable[..., Path], make: Build, tmp_path: Path
) -> None:
    old, new = ["E07000026", "E07000028", "E07000029"], "E06000063"  # Cumberland, 1 April 2023

    def recode(names: list[str]) -> Callable[[Rows], Rows]:
        def change(rows: Rows) -> Rows:
            moved = [
                {**row, "local_authority": names[n % len(names)]} for n, row in enumerate(rows)
            ]
            return moved[:600]

        return change

    before = make(changed(extract(), tmp_path / "old", recode(old)), "r1")
    source = changed(extract(), tmp_path / "new", recode([new]))
    assert make(source, "r2", previous=str(before.path)).judged.accepted == ()
    other = changed(extract(), tmp_path / "other", recode(["E06000001"]))
    assert "vanished" in stopped(make, other, "r3", previous=str(before.path))


def test_the_latest_release_of_the_target_is_the_previous_one(
    extract: Callable[..., Path], make: Build, tmp_path: Path
) -> None:
    source = changed(extract(), tmp_path / "all", as_they_are)
    to = tmp_path / "public"
    first = make(source, "r1", to=str(to))
    assert "no previous release" in first.summary()
    at = ("--to", str(to), "--state", str(tmp_path / "state"))
    assert main(["publish", str(first.path), *at]) == 0

    half = changed(extract(), tmp_path / "half", lambda rows: rows[::2])
    message = stopped(make, half, "r2", to=str(to))
    assert "rows-fewer" in message
    assert "(whole table)" in message
    assert make(half, "r2", to=str(to), previous="none").judged.previous is None
    assert make(half, "r3", to=str(to), limit=50).judged.previous is None
    for wrong in (tmp_path / "all", to / "r1"):
        with pytest.raises(ReleaseError) as caught:
            make(half, "r4", previous=str(wrong), policy="deidentified")
        assert caught.value.problem.code in ("E311", "E507")


def test_a_de_identified_release_tells_no_small_count(
    extract: Callable[..., Path], make: Build, tmp_path: Path
) -> None:
    def odd(rows: Rows) -> Rows:
        return [
            {**row, "country": "Atlantis"} if n % 90 == 0 else row for n, row in enumerate(rows)
        ]

    report = make(changed(extract(), tmp_path / "odd", odd), "d1", policy="deidentified")
    issues = pl.read_parquet(report.path / "quality" / "issues.parquet")
    assert issues["count"].min() in (None, *range(10, 10**6))
    quality = json.loads((report.path / "quality.json").read_text("utf-8"))
    assert quality["leastCount"] == 10
    assert all(issue["count"] is None or issue["count"] >= 10 for issue in quality["issues"])
    shares = pl.read_csv(report.path / "dictionary.csv", infer_schema=False)["share_missing"]
    assert shares.str.contains(r"^\d\.\d\d$").all()


def test_the_log_and_the_dictionary_agree_with_the_rows(
    extract: Callable[..., Path], make: Build, tmp_path: Path
) -> None:
    odd = {
        "heating_cost_current": "-12.5",
        "current_energy_efficiency": "104",
        "inspection_date": "1899-12-30",
        "address2": "=1+1",
    }

    def crowded(rows: Rows) -> Rows:
        many = [{**row, "uprn": "77"} if n < 40 else row for n, row in enumerate(rows)]
        wrong = [{**row, **odd} if n % 50 == 0 else row for n, row in enumerate(many)]
        late = {"inspection_date": "2031-01-01"}
        return [{**row, **late} if n % 50 == 1 else row for n, row in enumerate(wrong)]

    report = make(changed(extract(), tmp_path / "many", crowded), "a1")
    rows = pl.read_parquet(report.path / "parquet" / TABLE, hive_partitioning=False)
    issues = pl.read_parquet(report.path / "quality" / "issues.parquet")

    def told(column: str, code: str) -> dict[Any, int]:
        found = issues.filter(pl.col("column") == column, pl.col("code") == code)
        return dict(found.select("partition", "count").iter_rows())

    def counted(frame: pl.DataFrame) -> dict[Any, int]:
        return dict(frame.group_by("local_authority").len().iter_rows())

    of = pl.col
    expected = {
        ("uprn", "many-of-unit"): (pl.len().over("uprn") > 30) & of("uprn").is_not_null(),
        ("heating_cost_current", "warn-minimum"): of("heating_cost_current") < 0,
        ("current_energy_efficiency", "warn-maximum"): of("current_energy_efficiency") > 100,
        ("inspection_date", "warn-minimum"): of("inspection_date").dt.year() < 2005,
        ("lodgement_date", "out-of-order"): of("lodgement_date") < of("inspection_date"),
        ("address2", "formula-like"): of("address2").str.contains(r"^[=+\-@]"),
    }
    for (column, code), wrong in expected.items():
        found = rows.filter(wrong)
        assert told(column, code) == counted(found), (column, code)
        assert found.height > 0

    dictionary = pl.read_csv(report.path / "dictionary.csv", infer_schema=False)
    assert dictionary["name"].to_list() == rows.columns
    for name, share, first in dictionary.select("name", "share_missing", "first_year").iter_rows():
        assert share == f"{rows[name].null_count() / len(rows):.4f}"
        years = rows.filter(pl.col(name).is_not_null())["lodgement_date"].dt.year()
        assert (int(first) if first else None) == years.min()


def test_the_command_line_stops_with_3_and_takes_no_standing_acceptance(
    extract: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = changed(extract(), tmp_path / "bad", spoiled)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)

    def run(*more: str) -> int:
        asked = ["build", "--source", str(source), "--policy", "address-level", "--jobs", "1"]
        asked += ["--suppressions", str(source / "suppressions.csv"), "--archives", "none"]
        asked += ["--suppressions-as-of", "2026-10-01T00:00:00Z", "--cutoff"]
        asked += ["2026-10-01T00:00:00Z", "--log-format", "text", *more]
        return guard(lambda: group.main(asked, standalone_mode=False))

    assert run() == 3
    assert "share" not in capsys.readouterr().out
    assert run("--accept", "rejected") == 2
    assert run("--accept", "leaks", "--reason", "x") == 2
    accepted = ["--accept", "rejected", "--accept", "type-number", "--reason", "known"]
    assert run(*accepted) == 0
    (tmp_path / "release.toml").write_text('accept = ["rejected"]\n', encoding="utf-8")
    assert run() == 2
    assert "E313" in capsys.readouterr().err
