"""Key sets in a whole build: what a policy asks for holds in the files, and no more is lost."""

from __future__ import annotations

import csv
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import POLICIES
from epc_release.errors import ReleaseError
from epc_release.manifests.verify import verify

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
    for file in (POLICIES / "epc").iterdir():
        if file.suffix != ".toml" and file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "ours.toml"
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
    assert after.group_by(second).len()["len"].min() >= 2

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
    assert starred["total_floor_area"] and starred["transaction_type"]

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
        ("max_rows = 1\n", "max_rows = 0.0001\n", "E410", "records"),
        (
            'action = "suppress"\nstar = ["total_floor_area", "built_form", "property_type"]\n'
            "max_cells = 1\nmax_rows = 1\n",
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
