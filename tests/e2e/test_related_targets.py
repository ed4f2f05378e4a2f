"""A record that another names is named only where it is in the release itself."""

from __future__ import annotations

import csv
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.keys import Keyring
from epc_release.errors import ReleaseError
from epc_release.manifests.verify import verify
from epc_release.release import finish, prepare
from epc_release.release.protect import AT

PARENT, CHILD = "non-domestic-certificates", "non-domestic-recommendations"
RELATED = "related_certificate_number"
ABSENT = "9999-8888-7777-6666-5555"
SPELT = "=" + ABSENT  # has an issue of its own where it is published
WHEN = datetime(2026, 9, 30, 23, tzinfo=UTC)
TIMES = {"cutoff": WHEN, "suppressions_as_of": WHEN}
EVENT = ["opt_out", "2020-01-01T00:00:00Z"]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def published(release: Path, table: str) -> pl.DataFrame:
    parts = str(release / "parquet" / table / "*" / "*.parquet")
    return pl.read_parquet(parts, hive_partitioning=False)


def pseudonym(number: str) -> str:
    key = Keyring.from_environment().pseudonym_key("certificate").encode()
    return hmac.new(key, number.encode(), sha256).hexdigest()[:32]


@pytest.fixture
def named(
    extract: Callable[..., Path], build: Callable[..., Any], unsuppressed: Path, tmp_path: Path
) -> tuple[Path, dict[str, list[str]]]:
    """An extract of one register whose recommendations name certificates of every fate."""
    source = extract()
    listed = source / "suppressions.csv"
    files = [source / f"{name}.csv" for name in (PARENT, CHILD)]
    common = {"suppressions": listed, "state": tmp_path / "before", **TIMES}
    every = build(*files, policy=unsuppressed, release="a", out=tmp_path / "a", **common)
    held = build(*files, policy="deidentified", release="b", out=tmp_path / "b", **common)
    shown = [set(published(r.path, PARENT)["certificate_number"]) for r in (every, held)]
    certificates, children = (read(file) for file in files)
    numbers = [row["certificate_number"] for row in certificates]
    stay = [number for number in numbers if pseudonym(number) in shown[1]]
    fates = {
        "published": stay[:20],
        "opted out": stay[20:25],
        "copied otherwise": stay[25:30],
        "suppressed": [n for n in numbers if pseudonym(n) in shown[0] - shown[1]],
        "excluded": [n for n in numbers if n and pseudonym(n) not in shown[0]],
        "absent": [ABSENT, SPELT],
        "missing": [""],
    }
    assert all(fates.values())
    for row in list(certificates):
        if row["certificate_number"] in fates["copied otherwise"]:
            certificates.append({**row, "floor_area": row["floor_area"] + "1"})
    ways = list(fates.values())
    for at, row in enumerate(children):
        way = at % (len(ways) + 1)
        own = row["certificate_number"]
        row[RELATED] = ways[way][at // 8 % len(ways[way])] if way < len(ways) else own
    events = read(listed)
    for number in fates["opted out"]:
        events.append(dict(zip(events[0], [number, *EVENT], strict=True)))
    target = tmp_path / "named"
    target.mkdir()
    write(target / f"{PARENT}.csv", certificates)
    write(target / f"{CHILD}.csv", children)
    write(target / "suppressions.csv", events)
    return target, fates


@pytest.mark.parametrize("policy", ["address-level", "deidentified"])
def test_only_published_targets_are_named(
    named: tuple[Path, dict[str, list[str]]],
    build: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
) -> None:
    source, fates = named
    done = build(source, policy=policy, **TIMES)
    assert not verify(done.path, deep=True).findings
    shown = pseudonym if policy == "deidentified" else str
    there = set(published(done.path, PARENT)["certificate_number"])

    fate_of = {number: fate for fate, numbers in fates.items() for number in numbers}
    asked = {
        (shown(row["certificate_number"]), int(row["recommendation_item"])): row
        for row in read(source / f"{CHILD}.csv")
        if row["certificate_number"] and row["recommendation_item"].isdigit()
    }
    seen: set[tuple[str, bool]] = set()
    emptied = 0
    for row in published(done.path, CHILD).iter_rows(named=True):
        given = asked[row["certificate_number"], row["recommendation_item"]]
        number = given[RELATED]
        own = number == given["certificate_number"]
        told = shown(number) in there
        seen.add(("own" if own else fate_of[number], told))
        assert own <= told
        assert row[RELATED] == (shown(number) if told else None)
        emptied += bool(number) and not told
    never = {fate for fate in fates if fate not in ("published", "suppressed")}
    assert {fate for fate, told in seen if not told} - {"published", "suppressed"} == never
    assert seen >= {("own", True), ("published", True), ("suppressed", policy == "address-level")}
    assert not seen & {(fate, True) for fate in never}

    audit = json.loads((tmp_path / "state" / "t1" / "audit.json").read_text("utf-8"))
    rules = audit["tables"][CHILD]["fieldRules"]
    counts = [r["unpublished_targets"] for r in rules if "unpublished_targets" in r]
    assert counts == [emptied]
    issues = pl.read_parquet(done.path / "quality" / "issues.parquet")
    assert issues.filter(column=RELATED, table=CHILD).is_empty()

    expected = (done.path / "SHA256SUMS").read_text("ascii")
    monkeypatch.setattr(prepare, "MAX_CHUNK", 50_000)
    monkeypatch.setattr(prepare, "MIN_CHUNK", 50_000)
    again = build(source, policy=policy, **TIMES, jobs=2, out=tmp_path / "again")
    assert (again.path / "SHA256SUMS").read_text("ascii") == expected


@pytest.mark.parametrize("policy", ["address-level", "deidentified"])
def test_the_leak_test_finds_a_target_that_is_not_published(
    named: tuple[Path, dict[str, list[str]]],
    build: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
) -> None:
    source, _ = named
    monkeypatch.setattr(finish, "unpublished", lambda _, rows, __: unpublished_of_none(rows))
    with pytest.raises(ReleaseError, match="E420"):
        build(source, policy=policy, **TIMES)


def unpublished_of_none(rows: pl.DataFrame) -> pl.DataFrame:
    none = pl.Series([False]).new_from_index(0, len(rows)).alias(RELATED)
    return rows.select(none).with_row_index(AT).clear()
