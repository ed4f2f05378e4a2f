"""Key sets in a whole build: what a policy asks for holds in the files, and no more is lost."""

from __future__ import annotations

import base64
import csv
import hmac
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import POLICIES
from epc_release.errors import ReleaseError
from epc_release.manifests.verify import verify
from epc_release.release.cli import failure, main

KEYS = ("local_authority", "lodgement_date", "property_type", "built_form", "total_floor_area")
RISK = """
[[risk]]
id = "neighbour"
tables = ["domestic-certificates"]
why = "Somebody next door."
keys = ["local_authority", "lodgement_date", "property_type", "built_form", "total_floor_area"]
unit = "uprn"
k = 3
sensitive = [{ column = "current_energy_rating", l = 2 }]
action = "suppress"
star = ["total_floor_area", "built_form", "property_type"]
max_cells = 1
max_rows = 1

[[risk]]
id = "agent"
tables = ["domestic-certificates"]
why = "Somebody who knows the sale."
keys = ["local_authority", "lodgement_date", "transaction_type", "property_type"]
k = 2
sensitive = [{ column = "current_energy_rating", t = 0.95 }]
action = "suppress"
star = ["transaction_type", "property_type"]
max_cells = 1
max_rows = 1
"""
STARS = ("total_floor_area", "built_form", "property_type", "transaction_type")
TABLES = ("domestic-certificates", "domestic-recommendations")


def policy(tmp_path: Path, more: str = RISK) -> Path:
    """The de-identified policy with these key sets and no other."""
    text = (POLICIES / "epc" / "deidentified.toml").read_text(encoding="utf-8")
    before, _, rest = text.partition("[[risk]]")
    assert not rest or "[[fields]]" not in rest
    shutil.copytree(POLICIES / "epc", tmp_path / "policy", dirs_exist_ok=True)
    path = tmp_path / "policy" / "ours.toml"
    path.write_text(before + more, encoding="utf-8")
    return path


def rows(release: Path, table: str) -> pl.DataFrame:
    parts = str(release / "parquet" / table / "*" / "*.parquet")
    return pl.read_parquet(parts, hive_partitioning=False)


def uprns(source: Path) -> dict[str, str]:
    """Pseudonym -> UPRN of the extract, by the standard library's HMAC."""
    key = Keyring.from_environment().pseudonym_key("certificate").encode()
    found = {}
    with (source / "domestic-certificates.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            number = row.get("CERTIFICATE_NUMBER") or row.get("certificate_number") or ""
            digest = hmac.new(key, number.encode(), sha256).hexdigest()[:32]
            found[digest] = row.get("UPRN") or row.get("uprn") or ""
    return found


def test_key_sets_hold_in_the_files_and_everything_is_accounted_for(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    source = extract()
    plain = build(source, policy=policy(tmp_path, ""), release="plain").path
    done = build(source, policy=policy(tmp_path), release="held")
    assert not verify(done.path, deep=True).findings
    before, after = (rows(release, TABLES[0]) for release in (plain, done.path))

    unit_of = uprns(source)
    classes: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in after.iter_rows(named=True):
        classes[tuple(row[name] for name in KEYS)].append(row)
    assert len(classes) > 5
    for members in classes.values():
        assert len({unit_of[row["certificate_number"]] for row in members}) >= 3
        assert len({row["current_energy_rating"] for row in members}) >= 2
    second = ["local_authority", "lodgement_date", "transaction_type", "property_type"]
    assert after.group_by(second).len().filter(pl.col("len") < 2).is_empty()

    both = after.join(before, on="certificate_number", suffix="_before", how="left")
    assert both["lodgement_date_before"].null_count() == 0
    starred = Counter[str]()
    for name in after.columns:
        if name != "certificate_number":
            other = both[f"{name}_before"]
            changed = both[name].ne_missing(other)
            assert name in STARS or not changed.any()
            assert both.filter(changed)[name].null_count() == changed.sum()
            starred[name] = int(changed.sum())
    assert starred["total_floor_area"]
    assert starred["transaction_type"]

    exact = json.loads((tmp_path / "state" / "held" / "ledger.json").read_text("utf-8"))["tables"]
    assert exact[TABLES[0]]["suppressed"] == len(before) - len(after) > 0
    gone = set(before["certificate_number"]) - set(after["certificate_number"])
    works_before, works = (rows(release, TABLES[1]) for release in (plain, done.path))
    lost = works_before["certificate_number"].is_in(list(gone))
    assert exact[TABLES[1]]["suppressed"] == len(works_before) - len(works) == lost.sum() > 0
    assert not set(works["certificate_number"]) & gone
    public = json.loads((done.path / "ledger.json").read_text("utf-8"))["tables"][TABLES[0]]
    assert "suppressed" not in public


def test_chunks_jobs_and_order_change_no_byte_of_what_is_suppressed(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from epc_release.release import finish, prepare

    source, rules = extract(), policy(tmp_path)
    first = build(source, policy=rules, out=tmp_path / "a", state=tmp_path / "sa")
    monkeypatch.setattr(prepare, "MIN_CHUNK", 60_000)
    monkeypatch.setattr(prepare, "MAX_CHUNK", 100_000)
    monkeypatch.setattr(finish, "BLOCK_ROWS", 50)
    again = build(source, policy=rules, out=tmp_path / "b", state=tmp_path / "sb", jobs=2)
    assert (first.path / "SHA256SUMS").read_bytes() == (again.path / "SHA256SUMS").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("max_cells = 1\n", "max_cells = 0.001\n", "E410", "cells"),
        ("max_rows = 1\n", "max_rows = 0.0001\nfrom_rows = 1000\n", "E410", "records"),
        (
            RISK[RISK.index("action") : RISK.index("\n[[risk]]", 5)],
            'action = "fail"\n',
            "E411",
            "neighbour",
        ),
    ],
)
def test_a_key_set_that_cannot_be_met_stops_the_build(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    old: str,
    new: str,
    code: str,
    says: str,
) -> None:
    assert old in RISK
    with pytest.raises(ReleaseError) as stopped:
        build(extract(), policy=policy(tmp_path, RISK.replace(old, new, 1)))
    assert (stopped.value.problem.code, stopped.value.exit) == (code, 4)
    assert says in str(stopped.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_what_is_told_and_what_is_kept(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    done = build(extract(), policy=policy(tmp_path))
    after = rows(done.path, TABLES[0])
    told = json.loads((done.path / "disclosure.json").read_text("utf-8"))["tables"][TABLES[0]]
    first, second = told["keySets"]
    assert (first["asked"]["k"], first["counted"]) == (3, "units")
    assert first["measured"]["k"] >= 3
    assert first["measured"]["classes"] == after.select(KEYS).n_unique()
    assert first["measured"]["sensitive"]["current_energy_rating"]["l"] >= 2
    assert second["measured"]["t"] <= 0.95
    assert sum(size["rows"] for size in second["measured"]["sizes"]) == len(after)
    assert all(count % 10 == 0 for count in told["starredCells"].values())
    others = [name for name in after.columns if name != "certificate_number"]
    assert told["recordsLikeNoOther"] == after.select(pl.struct(others).is_unique().sum()).item()
    share = told["recordsLikeNoOther"] / len(after)
    assert told["linkable"] == {"lines": ["address-level"], "shareAtMost": round(share, 4)}
    exact = json.loads((tmp_path / "state" / "t1" / "audit.json").read_text("utf-8"))
    worst = exact["tables"][TABLES[0]]["keySets"][1]["worst"]
    keys = second["keys"]
    shares = (
        after.group_by("local_authority")
        .agg(share=pl.struct(keys).n_unique() / pl.len())
        .sort("share")
    )
    assert worst[0] == pytest.approx(shares["share"].max())
    assert worst[1] in shares.filter(share=worst[0])["local_authority"]


def test_what_was_suppressed_stays_suppressed(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    """The second release could tell more; it does not."""
    source, rules = extract(), policy(tmp_path)
    one = build(source, policy=rules, release="one", cutoff=datetime(2026, 1, 1, tzinfo=UTC))
    softer = policy(tmp_path, RISK.replace("k = 3", "k = 2").replace(", l = 2", ", l = 1"))
    common = {"policy": softer, "cutoff": datetime(2026, 1, 2, tzinfo=UTC)}
    anew = build(source, release="anew", state=tmp_path / "other", **common)
    two = build(source, release="two", **common)
    first, free, second = (rows(made.path, TABLES[0]) for made in (one, anew, two))
    assert len(first) == len(second) < len(free)
    both = first.join(second, on="certificate_number", suffix="_two")
    for name in STARS:
        assert not both.filter(pl.col(name).is_null() & pl.col(f"{name}_two").is_not_null()).height
    report = json.loads((tmp_path / "state" / "two" / "report.json").read_text("utf-8"))
    assert report["sticky"] == {"release": "one", "comparable": True}
    # Built again it is the same, and with another key nothing can be compared.
    again = build(source, release="two", out=tmp_path / "again", **common)
    assert (again.path / "SHA256SUMS").read_bytes() == (two.path / "SHA256SUMS").read_bytes()
    for file in (tmp_path / "state" / "one" / "suppressed").iterdir():
        assert file.stat().st_mode & 0o077 == 0
        file.unlink()
    with pytest.raises(ReleaseError) as stopped:
        build(source, release="three", **common)
    assert stopped.value.problem.code == "E413"


def test_another_key_begins_suppression_anew_and_says_so(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, rules = extract(), policy(tmp_path)
    build(source, policy=rules, release="one", cutoff=datetime(2026, 1, 1, tzinfo=UTC))
    other = base64.b64encode(sha256(b"another key for tests only").digest()).decode()
    monkeypatch.setenv("EPC_RELEASE_KEY", other)
    build(source, policy=rules, release="two", cutoff=datetime(2026, 1, 2, tzinfo=UTC))
    report = json.loads((tmp_path / "state" / "two" / "report.json").read_text("utf-8"))
    assert report["sticky"] == {"release": "one", "comparable": False}


@pytest.mark.parametrize("spoilt", ["k", "values"])
def test_files_that_do_not_hold_are_not_installed(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoilt: str,
) -> None:
    """A star that is not applied, or a record that is written twice, is found on the files."""
    from epc_release.release import finish
    from epc_release.release.stars import Stars

    if spoilt == "k":
        monkeypatch.setattr(Stars, "apply", lambda _, rows, positions=None: rows)
    else:
        drops = finish._drops
        monkeypatch.setattr(finish, "_drops", lambda task, keys: drops(task, keys).clear())
    with pytest.raises(ReleaseError) as stopped:
        build(extract(), policy=policy(tmp_path))
    assert stopped.value.problem.code == ("E412" if spoilt == "k" else "E902")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_audit_tells_what_was_measured_before_and_after(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    source = extract()
    plain = rows(build(source, policy=policy(tmp_path, ""), release="plain").path, TABLES[0])
    build(source, policy=policy(tmp_path), release="held")
    exact = json.loads((tmp_path / "state" / "held" / "audit.json").read_text("utf-8"))
    for key_set in exact["tables"][TABLES[0]]["keySets"]:
        before, after = key_set["before"], key_set["measures"]
        classes = plain.group_by(key_set["keys"]).agg(
            n=pl.len(), l=pl.col("current_energy_rating").n_unique()
        )
        assert (before["rows"], before["classes"]) == (len(plain), len(classes))
        assert before["l"] == classes["l"].min()
        assert before["k_rows"] == classes["n"].min()
        if not key_set["unit"]:
            assert before["k"] == classes["n"].min()
            assert before["uniques"] == (classes["n"] == 1).sum()
        assert before["k"] < key_set["asked"]["k"] <= after["k"]


def test_anybody_measures_what_a_release_says_of_itself(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failure, "_interrupt_on_terminate", lambda: None)
    release = str(build(extract(), policy=policy(tmp_path)).path)
    capsys.readouterr()
    assert main(["risk", release, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["key_sets"]
    document = json.loads((Path(release) / "disclosure.json").read_text("utf-8"))
    told = document["tables"][TABLES[0]]["keySets"]
    assert [(one["table"], one["id"]) for one in found] == [(TABLES[0], one["id"]) for one in told]
    same = ("rows", "classes", "l", "alpha", "k_rows")
    for one, said in zip(found, told, strict=True):
        assert {n: one[n] for n in same} == {n: said["measured"][n] for n in same}
        assert one["threshold"] == said["asked"]["k"]
        assert one["k"] >= said["measured"]["k"]
    assert found[1]["t"] == pytest.approx(told[1]["measured"]["t"])
    assert main(["risk", release, "--table", TABLES[1]]) == 2
    assert "declares no key set" in capsys.readouterr().err
    assert main(["risk", release]) == 0
    assert "units that are not published" in capsys.readouterr().out
