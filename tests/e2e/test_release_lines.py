"""What a release line remembers from one release to the next, and what it refuses."""

from __future__ import annotations

import base64
import csv
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.policy import POLICIES
from epc_release.anonymise.rules.numbers import Round
from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.interval import check_interval
from epc_release.release.pipeline import plan
from epc_release.release.prepare import prepare
from epc_release.schemas.load import load_register

ONE, TWO = (datetime(2026, 10, 1, 0, 0, second, tzinfo=UTC) for second in (0, 1))
CERTIFICATES, WORKS = "domestic-certificates", "domestic-recommendations"
RISK = """
[[risk]]
id = "neighbour"
tables = ["domestic-certificates"]
why = "Somebody next door."
keys = ["local_authority", "lodgement_date", "property_type", "built_form", "total_floor_area"]
unit = "uprn"
k = 3
action = "suppress"
star = ["total_floor_area", "built_form", "property_type"]
max_cells = 1
max_rows = 1
"""
STARS = ("total_floor_area", "built_form", "property_type")


def events(source: Path) -> list[str]:
    """The lines of the extract's list, header first."""
    return (source / "suppressions.csv").read_text(encoding="utf-8").splitlines()


def listed(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def report(tmp_path: Path, release: str) -> dict[str, Any]:
    found = json.loads((tmp_path / "state" / release / "report.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


class TestSuppressionList:
    def test_lost_events_stop_the_build_and_none_is_named(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        source = extract()
        lines = events(source)
        build(source, release="one", cutoff=ONE)
        kept = tmp_path / "state" / "one" / "events.parquet"
        assert kept.stat().st_mode & 0o077 == 0
        short = listed(tmp_path / "short.csv", lines[:-3])
        with pytest.raises(ReleaseError) as stopped:
            build(source, release="two", cutoff=TWO, suppressions=short)
        assert (stopped.value.problem.code, stopped.value.exit) == ("E414", 4)
        assert "3 of the" in str(stopped.value)
        assert not any(line.split(",")[0] in str(stopped.value) for line in lines[1:])
        assert not (tmp_path / "out" / "two").exists()
        # The release that the list was made for is not compared with itself, or with a later one.
        build(source, release="one", cutoff=ONE, suppressions=short, out=tmp_path / "again")

    def test_a_list_may_grow_be_spelt_otherwise_and_repeat_itself(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        source = extract()
        lines = events(source)
        build(source, release="one", cutoff=ONE)
        more = [
            *(line.lower().replace("-", "", 4) for line in lines[:1:-1]),
            lines[1],
            lines[1],
            "0000-nowhere,opt_out,2026-01-01T00:00:00Z",
        ]
        with caplog.at_level(logging.WARNING, "epc_release"):
            build(
                source,
                release="two",
                cutoff=TWO,
                suppressions=listed(tmp_path / "more.csv", [lines[0], *more]),
            )
        before = report(tmp_path, "one")["list_history"]
        now = report(tmp_path, "two")["list_history"]
        assert (now["compared_with"], now["new"]) == ("one", 1)
        assert now["unknown"] == before["unknown"] + 1
        assert now["repeated"] == before["repeated"] + 1
        warned = {record.message: vars(record) for record in caplog.records}
        found = warned["certificates of the suppression list are not in the extract"]
        assert found["certificates"] == now["unknown"]
        assert "nowhere" not in caplog.text

    def test_no_list_at_all_loses_every_event(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        """A dialect that is screened upstream needs no list, until it was built with one."""
        source = extract("legacy")
        lines = events(source)
        alone = tmp_path / "alone"
        alone.mkdir()
        for file in source.glob("*"):
            if file.name not in ("suppressions.csv", "extract.json", "private"):
                (alone / file.name).symlink_to(file)
        build(source, release="one", cutoff=ONE)
        with pytest.raises(ReleaseError) as stopped:
            build(alone, release="two", cutoff=TWO)
        assert stopped.value.problem.code == "E414"
        assert f"{len(set(lines[1:]))} of the" in str(stopped.value)

    def test_a_state_that_lost_the_events_stops_the_next_build(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        source = extract()
        build(source, release="one", cutoff=ONE)
        (tmp_path / "state" / "one" / "events.parquet").unlink()
        with pytest.raises(ReleaseError) as stopped:
            build(source, release="two", cutoff=TWO)
        assert stopped.value.problem.code == "E413"


def extract_of(source: Path, target: Path, change: Callable[[list[dict[str, str]]], Any]) -> Path:
    """The extract with other rows of certificates, without its control file."""
    target.mkdir()
    for file in source.glob("*.csv"):
        (target / file.name).write_bytes(file.read_bytes())
    path = target / f"{CERTIFICATES}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows = change(rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return target


def policy(tmp_path: Path, more: str = RISK) -> Path:
    """The de-identified policy with this key set and no other."""
    text = (POLICIES / "epc" / "deidentified.toml").read_text(encoding="utf-8")
    shutil.copytree(POLICIES / "epc", tmp_path / "policy", dirs_exist_ok=True)
    text = text.replace("min_interval_days = 90", "min_interval_days = 0")
    path = tmp_path / "policy" / "ours.toml"
    path.write_text(text.partition("[[risk]]")[0] + more, encoding="utf-8")
    return path


def published(release: Path, table: str) -> pl.DataFrame:
    parts = str(release / "parquet" / table / "*" / "*.parquet")
    return pl.read_parquet(parts, hive_partitioning=False)


def changed_extract(source: Path, target: Path, *, gone: range, other: range) -> Path:
    """An extract without the certificates at these places, and with changed ones at others."""
    rank: dict[str, int] = {}

    def change(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for row in rows:
            number = row["certificate_number"]
            rank.setdefault(number, len(rank))
            if rank[number] in other:
                row["co2_emissions_current"] = "77.7"
        return [row for row in rows if rank[row["certificate_number"]] not in gone]

    return extract_of(source, target, change)


class TestDifferences:
    def test_counts_are_those_of_the_two_releases(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        source, rules = extract(), policy(tmp_path)
        listed_at = source / "suppressions.csv"
        common = {"policy": rules, "suppressions": listed_at, "suppressions_as_of": ONE}
        first = changed_extract(source, tmp_path / "1", gone=range(900, 940), other=range(0))
        second = changed_extract(source, tmp_path / "2", gone=range(400), other=range(400, 440))
        accepted = {"accept": ("rejected",), "reason": "recommendations without certificates"}
        one = build(first, release="one", cutoff=ONE, **common)
        two = build(second, release="two", cutoff=TWO, **common, **accepted)
        told = report(tmp_path, "two")["differences"]
        assert (told["compared_with"], told["same_key"], told["alike"]) == ("one", True, True)
        audited = json.loads((tmp_path / "state" / "two" / "audit.json").read_text("utf-8"))
        assert audited["differences"] == told
        for table in (CERTIFICATES, WORKS):
            keys = ["certificate_number", *(["improvement_item"] if table == WORKS else [])]
            before, now = (published(each.path, table) for each in (one, two))
            counts = told["tables"][table]
            both = now.join(before, on=keys, suffix="_then")
            assert (counts["before"], counts["now"]) == (len(before), len(now))
            assert counts["added"] == len(now) - len(both)
            assert counts["removed"] == len(before) - len(both)
            # whether a record is the latest of its property is of other records, not of this one
            aside = (*keys, *STARS, "latest_for_property")
            others = [n for n in before.columns if n not in aside]
            moved = pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}_then")) for n in others)
            assert counts["changed"] == both.select(moved.sum()).item()
            assert counts["unexplained"] == 0
        certificates = told["tables"][CERTIFICATES]
        assert certificates["added"] > 20
        assert certificates["removed"] > 200
        assert certificates["changed"] > 20
        now, before = published(two.path, CERTIFICATES), published(one.path, CERTIFICATES)
        both = now.join(before, on="certificate_number", suffix="_then")
        flips = {
            name: both.filter(pl.col(name).is_null() & pl.col(f"{name}_then").is_not_null()).height
            for name in STARS
        }
        assert {name: certificates["starred"].get(name, 0) for name in STARS} == flips
        assert sum(flips.values()) > 20
        assert not certificates["shown"]

    def test_few_removals_are_told_and_go(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        source = extract()
        first = build(source, release="one", cutoff=ONE)
        gone = published(first.path, CERTIFICATES)["certificate_number"].sort().head(3).to_list()
        lines = [*events(source), *(f"{key},opt_out,2026-10-02T00:00:00Z" for key in gone)]
        with caplog.at_level(logging.WARNING, "epc_release"):
            two = build(
                source,
                release="two",
                cutoff=TWO,
                suppressions=listed(tmp_path / "more.csv", lines),
                suppressions_as_of=TWO,
            )
        assert not set(gone) & set(published(two.path, CERTIFICATES)["certificate_number"])
        told = report(tmp_path, "two")["differences"]
        assert told["tables"][CERTIFICATES]["removed"] == 3
        assert told["small_removals"][CERTIFICATES] == 3
        assert told["tables"][CERTIFICATES]["added"] == told["tables"][CERTIFICATES]["changed"] == 0
        warned = [vars(each) for each in caplog.records if "leave together" in each.message]
        assert {"table": CERTIFICATES, "records": 3}.items() <= warned[0].items()
        assert not any(key in caplog.text for key in gone)

    def test_a_rule_that_gives_something_else_stops_the_build(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        source, rules = extract(), policy(tmp_path)
        build(source, policy=rules, release="one", cutoff=ONE)
        apply = Round.apply
        monkeypatch.setattr(Round, "apply", lambda rule, values: apply(rule, values * 0.9))
        with pytest.raises(ReleaseError) as stopped:
            build(source, policy=rules, release="two", cutoff=TWO)
        assert (stopped.value.problem.code, stopped.value.exit) == ("E415", 4)
        assert not (tmp_path / "out" / "two").exists()
        assert not (tmp_path / "state" / "two" / "report.json").exists()
        # Under another policy a value may be another one.
        other = policy(tmp_path, RISK + "\n# reviewed again\n")
        build(source, policy=other, release="two", cutoff=TWO)
        told = report(tmp_path, "two")["differences"]
        assert not told["alike"]
        assert told["tables"][CERTIFICATES]["unexplained"] > 0

    def test_a_star_that_is_forgotten_stops_the_build(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from epc_release.anonymise import suppression
        from epc_release.release import protect

        source, rules = extract(), policy(tmp_path)
        build(source, policy=rules, release="one", cutoff=ONE)
        suppress = suppression.suppress

        def softer(rows: Any, risk: Any, *more: Any) -> Any:
            return suppress(rows, [replace(each, k=2) for each in risk], *more)

        monkeypatch.setattr(protect, "_before", lambda *_: None)
        monkeypatch.setattr(protect, "suppress", softer)
        with pytest.raises(ReleaseError) as stopped:
            build(source, policy=rules, release="two", cutoff=TWO)
        assert stopped.value.problem.code == "E415"

    def test_another_key_is_compared_by_the_source(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        source, rules = extract(), policy(tmp_path)
        build(source, policy=rules, release="one", cutoff=ONE)
        other = base64.b64encode(sha256(b"another key for tests only").digest()).decode()
        monkeypatch.setenv("EPC_RELEASE_KEY", other)
        build(source, policy=rules, release="two", cutoff=TWO)
        told = report(tmp_path, "two")["differences"]
        assert (told["same_key"], told["alike"]) == (False, False)
        for table in (CERTIFICATES, WORKS):
            counts = told["tables"][table]
            assert (counts["added"], counts["removed"], counts["changed"]) == (0, 0, 0)
            assert counts["now"] > 1000

    def test_prints_are_private_and_missed_where_they_are_gone(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        source = extract()
        build(source, release="one", cutoff=ONE)
        files = sorted((tmp_path / "state" / "one" / "prints").glob("*/*.parquet"))
        assert len(files) > 8
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)
        assert all(file.parent.stat().st_mode & 0o077 == 0 for file in files)
        files[0].unlink()
        with pytest.raises(ReleaseError) as stopped:
            build(source, release="two", cutoff=TWO)
        assert stopped.value.problem.code == "E413"
        build(source, release="some", cutoff=TWO, limit=200)
        assert report(tmp_path, "some")["prints"] is None


class TestInterval:
    """Of the packaged policy, which asks for 90 days; whole builds are needed once only."""

    @pytest.fixture
    def ask(self, extract: Callable[..., Path], tmp_path: Path) -> Callable[..., Any]:
        """``ask(cutoff, **settings)``: what the gate says before anything is read."""
        source = extract_of(extract(), tmp_path / "real", lambda rows: rows)

        def make(cutoff: str, **changed: Any) -> Any:
            settings = Settings(
                sources=(str(changed.pop("source", source)),),
                policy="deidentified",
                state=tmp_path / "state",
                suppressions=source / "suppressions.csv",
                suppressions_as_of=datetime.fromisoformat(cutoff),
                cutoff=datetime.fromisoformat(cutoff),
                **{"release": "two", **changed},
            )
            return check_interval(prepare(settings))

        return make

    @pytest.fixture
    def first(self, tmp_path: Path) -> Callable[..., None]:
        """``first(**changed)``: what the state knows of a release at the end of 2026."""

        def remember(**changed: Any) -> None:
            folder = tmp_path / "state" / "one"
            folder.mkdir(parents=True, exist_ok=True)
            told = {
                "release": "one",
                "register": "epc",
                "policy": "deidentified",
                "cutoff": "2026-12-31T23:59:59+00:00",
                "partial": False,
                "synthetic": False,
            }
            (folder / "report.json").write_text(json.dumps({**told, **changed}), "utf-8")

        return remember

    def test_a_quarter_is_ninety_days_whatever_the_clocks_do(
        self, ask: Callable[..., Any], first: Callable[..., None]
    ) -> None:
        first()
        assert ask("2027-03-31T23:59:59+01:00") is None
        with pytest.raises(ReleaseError, match=r"89 days from this one") as stopped:
            ask("2027-03-30T23:59:59+01:00")
        assert (stopped.value.problem.code, stopped.value.exit) == ("E416", 4)
        assert "2027-03-31" in str(stopped.value.fix)
        with pytest.raises(ReleaseError, match="E416"):
            ask("2026-12-01T00:00:00+00:00")

    @pytest.mark.parametrize(
        "told",
        [
            {"partial": True},
            {"synthetic": True},
            {"policy": "address-level"},
            {"register": "another"},
            {"release": "two"},
            {"cutoff": "2027-02-01T00:00:00+00:00"},
        ],
    )
    def test_what_does_not_count(
        self, ask: Callable[..., Any], first: Callable[..., None], told: dict[str, Any]
    ) -> None:
        first(**told)
        assert ask("2027-02-01T00:00:00+00:00") is None

    def test_partial_and_synthetic_builds_are_free(
        self,
        ask: Callable[..., Any],
        first: Callable[..., None],
        extract: Callable[..., Path],
    ) -> None:
        first()
        assert ask("2027-02-01T00:00:00+00:00", limit=10) is None
        assert ask("2027-02-01T00:00:00+00:00", source=extract()) is None

    def test_an_override_is_logged_with_its_reason(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        first: Callable[..., None],
        tmp_path: Path,
    ) -> None:
        source = extract_of(extract(), tmp_path / "real", lambda rows: rows)
        first()
        cutoff = datetime(2027, 2, 1, tzinfo=UTC)
        common = {
            "policy": "deidentified",
            "release": "two",
            "cutoff": cutoff,
            "suppressions_as_of": cutoff,
        }
        with pytest.raises(ReleaseError, match="E416"):
            build(source, **common)
        settings = Settings(sources=(str(source),), state=tmp_path / "state", **common)  # type: ignore[arg-type]
        with pytest.raises(ReleaseError, match="E416"):
            plan(replace(settings, suppressions=source / "suppressions.csv"))
        assert not (tmp_path / "out").exists()
        build(source, **common, override_interval=True, reason="a court order")
        log = (tmp_path / "state" / "operations.jsonl").read_text("utf-8").splitlines()
        (logged,) = (each for each in map(json.loads, log) if each["action"] == "override-interval")
        assert logged["reason"] == "a court order"
        assert (logged["release"], logged["other"], logged["days"]) == ("two", "one", 32)
        assert report(tmp_path, "two")["interval_overridden"]["reason"] == "a court order"


def test_every_rule_leaves_a_line_in_private_and_its_words_in_public(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    done = build(extract(), policy=policy(tmp_path, ""))
    audited = json.loads((tmp_path / "state" / "t1" / "audit.json").read_text("utf-8"))
    told = json.loads((done.path / "disclosure.json").read_text("utf-8"))
    exact = json.loads((tmp_path / "state" / "t1" / "ledger.json").read_text("utf-8"))["tables"]
    assert audited["key_id"] == report(tmp_path, "t1")["key_id"]
    assert audited["policy"]["sha256"] == told["policy"]["sha256"]
    after = published(done.path, CERTIFICATES)
    table = audited["tables"][CERTIFICATES]
    lines = {line["column"]: line for line in table["fieldRules"]}
    schema = load_register("epc").table(CERTIFICATES).schema
    assert tuple(lines) == (*schema.names, "latest_for_property")

    key = lines["certificate_number"]
    assert key["rule"] == "pseudonymise"
    assert key["changed"] == key["rows_in"] == key["rows_out"] >= len(after)
    assert lines["lodgement_date"]["changed"] == lines["lodgement_date"]["rows_in"]
    assert lines["lodgement_date"]["distinct_after"] == after["lodgement_date"].n_unique()
    kept = [line for line in lines.values() if line["rule"] == "keep"]
    assert kept
    assert not any(line["changed"] or line["nulls_made"] for line in kept)
    coarser = [line for line in lines.values() if line["rule"] in ("round", "bin", "top_code")]
    assert any(line["changed"] for line in coarser)
    assert any(line["distinct_before"] != line["distinct_after"] for line in coarser)
    counted = [line for line in lines.values() if line["rule"] not in ("drop", "latest")]
    assert all(line["cpu_seconds"] >= 0 for line in counted)
    assert set(lines["postcode"]) == {"column", "rule", "class"}  # dropped, and never parsed

    came = [(line["rule"], line["rows_in"], line["rows_out"]) for line in table["recordRules"]]
    assert came[0][1] == exact[CERTIFICATES]["read"]
    excluded = exact[CERTIFICATES]["excluded"]
    assert [(rule, rows_in - rows_out) for rule, rows_in, rows_out in came] == [
        (rule, excluded.get(rule, 0)) for rule, _, _ in came
    ]
    assert sum(rows_in > rows_out for _, rows_in, rows_out in came) > 3

    public = told["tables"][CERTIFICATES]["rules"]
    assert [line["column"] for line in public] == after.columns
    assert {line["column"]: line["class"] for line in public} == {
        name: lines[name]["class"] for name in after.columns
    }
    assert all(set(line) == {"column", "class", "rule", "description"} for line in public)
    words = {line["column"]: line["description"] for line in public}
    assert "Published as year only." in words["lodgement_date"]
