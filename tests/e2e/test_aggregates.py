"""Tables beside the records, counted a second time: in SQL on the raw text, cell by cell."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import shutil
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from duckdb.func import SPECIAL

from epc_release.errors import ReleaseError
from epc_release.manifests.verify import verify
from epc_release.release.report import BuildReport
from tests.e2e.test_against_an_oracle import CUTOFF, PACKAGE, Oracle, masked, pseudonyms, quoted

POLICIES = PACKAGE / "anonymise" / "policies" / "epc"
MORE = """
[[aggregates]]
id = "months"
table = "domestic-certificates"
title = "By month"
dimensions = [{ column = "lodgement_date", name = "month", rule = "generalise", to = "month" }]
measure = "count"
protection = "round"
threshold = 12
round_to = 3
why = "a test"

[[aggregates]]
id = "heat"
table = "domestic-certificates"
title = "By band of the exact consumption"
dimensions = [
    { column = "energy_consumption_current", name = "use", rule = "bin", edges = [95, 205] },
    "current_energy_rating",
]
where = "latest_for_property and region is not missing"
margins = [["use"], ["current_energy_rating"], []]
measure = "count"
protection = "cell-key"
ptable = "10-5-rule"
threshold = 10
round_to = 5
why = "a test"
"""
Cell = tuple[str | None, ...]
Build = Callable[..., BuildReport]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The de-identified policy with more tables."""
    path = shutil.copytree(POLICIES, tmp_path / "policy") / "deidentified.toml"
    return _with_more(path)


def _with_more(path: Path) -> Path:
    path.write_text(path.read_text("utf-8") + MORE, encoding="utf-8")
    return path


def _moment() -> datetime:
    return datetime.fromisoformat(CUTOFF).astimezone(UTC)


def _record_keys(table: str) -> Callable[[str], int]:
    """See ``Keyring.record_key``."""
    key = b64decode(os.environ["EPC_RELEASE_CELL_KEY"])
    secret = hmac.digest(key, f"record-key:{table}".encode(), "sha256").hex().encode()

    def record_key(number: str) -> int:
        return hmac.digest(secret, number.encode(), "sha256")[-1]

    return record_key


def _sql(oracle: Oracle, table: str, dimension: str | Mapping[str, Any]) -> str:
    """SQL of a dimension from the raw values."""
    if isinstance(dimension, str):
        return oracle.told(table, dimension)
    column = dimension["column"]
    match dimension.get("rule"), dimension.get("to"):
        case None, _:
            return oracle.told(table, column)
        case "generalise", "quarter":
            return f"strftime({column}, '%Y') || '-Q' || quarter({column})"
        case "generalise", "month":
            return f"strftime({column}, '%Y-%m')"
        case "bin", _:
            low, high = dimension["edges"]
            return (
                f"CASE WHEN {column} < {low} THEN 'under {low}' WHEN {column} < {high}"
                f" THEN '{low} to under {high}' WHEN {column} >= {high} THEN '{high} or over' END"
            )
    raise AssertionError(dimension)


def _counted(oracle: Oracle, told: Mapping[str, Any], release: Path) -> dict[Cell, tuple[int, int]]:
    """Records and sum of record keys by cell, before suppression.

    Of certificates as late as each other, the release says which one is the latest.
    """
    table = told["table"]
    files = quoted(release / "parquet" / table / "*" / "*.parquet")
    oracle.latest(table)
    oracle.db.execute(
        f"""CREATE OR REPLACE TABLE joined AS SELECT every.*,
            CASE WHEN every.uprn IS NULL OR NOT may THEN FALSE WHEN must THEN TRUE
                ELSE shown.latest_for_property END AS latest_for_property
        FROM "{table}/all" AS every LEFT JOIN latest USING (certificate_number)
        LEFT JOIN read_parquet({files}, hive_partitioning=false) AS shown
            ON pseudonym(every.certificate_number) = shown.certificate_number
        WHERE fate IN ('published', 'suppressed')"""
    )
    undecided = "SELECT count(*) FROM joined WHERE latest_for_property IS NULL"
    assert oracle.db.execute(undecided).fetchone() == (0,)
    names = [_sql(oracle, table, each) for each in told["dimensions"]]
    region = oracle.told(table, "region") if "region" in oracle.fields(table) else "''"
    both = "latest_for_property and region is not missing"
    where = {both: f"latest_for_property AND {region} IS NOT NULL"}
    kept = where.get(told.get("where", ""), told.get("where", "TRUE"))
    rows = oracle.db.execute(
        f"SELECT {', '.join(names)}, certificate_number FROM joined WHERE {kept}"
    ).fetchall()
    record_key = _record_keys(table)
    found: dict[Cell, tuple[int, int]] = {}
    for *values, number in rows:
        count, keys = found.get(tuple(values), (0, 0))
        found[tuple(values)] = (count + 1, keys + record_key(number))
    return found


def _cells(
    told: Mapping[str, Any], counted: Mapping[Cell, tuple[int, int]]
) -> Iterator[tuple[Cell, int, int]]:
    """Every combination of values, and every margin."""
    names = [each if isinstance(each, str) else each.get("name", each["column"])
             for each in told["dimensions"]]  # fmt: skip
    values = [{cell[place] for cell in counted} for place in range(len(names))]
    for margin in (names, *told.get("margins", [])):
        held = [v if n in margin else {"All"} for n, v in zip(names, values, strict=True)]
        sums: dict[Cell, tuple[int, int]] = {}
        for cell, (count, keys) in counted.items():
            at = tuple(v if n in margin else "All" for n, v in zip(names, cell, strict=True))
            before = sums.get(at, (0, 0))
            sums[at] = (before[0] + count, before[1] + keys)
        for at in product(*held):
            yield at, *sums.get(at, (0, 0))


def _protected(told: Mapping[str, Any], count: int, keys: int) -> int | None:
    if told["protection"] == "round":
        to = told["round_to"]
        near = (2 * count + to) // (2 * to) * to
        return near if count >= told["threshold"] and near >= told["threshold"] else None
    name = told.get("ptable", "10-5-rule")
    pcv = count if count <= 750 else (count - 1) % 250 + 501
    with (PACKAGE / "anonymise" / "ptables" / f"{name}.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            if int(row["pcv"]) == pcv and int(row["ckey_from"]) <= keys % 256 <= int(
                row["ckey_to"]
            ):
                count += int(row["pvalue"])
                break
    return count if count >= told["threshold"] else None


def _read(release: Path, name: str) -> dict[Cell, int | None]:
    with (release / "aggregates" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header[-2:] == ["count", "count_symbol"]
    assert all((row[-1] == "[c]") == (row[-2] == "") for row in rows)
    found = {
        tuple(value or None for value in row[:-2]): int(row[-2]) if row[-2] else None
        for row in rows
    }
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("suppressed", [True, False])
def test_tables_are_what_sql_says(
    odd_extract: Callable[[str], Path],
    build: Build,
    policy: Path,
    unsuppressed: Path,
    suppressed: bool,
) -> None:
    dialect = "register" if suppressed else "legacy"
    used = policy if suppressed else _with_more(unsuppressed)
    source = odd_extract(dialect)
    settings: dict[str, Any] = {"cutoff": _moment(), "suppressions_as_of": _moment()}
    report = build(source, policy=str(used), **settings)
    release, some = report.path, {"protected": 0, "withheld": 0}
    assert any(table.ledger.suppressed for table in report.facts.tables) == suppressed
    descriptor = json.loads((release / "datapackage.json").read_text("utf-8"))
    said = {each["name"]: each["epcRelease"] for each in descriptor["resources"]}
    with duckdb.connect() as db:
        db.create_function("pseudonym", pseudonyms(os.environ["EPC_RELEASE_KEY"]))
        db.create_function("masked", masked, null_handling=SPECIAL)
        oracle = Oracle(source, dialect, "deidentified", db)
        oracle.run()
        for told in tomllib.loads(used.read_text("utf-8"))["aggregates"]:
            found = _read(release, told["id"])
            counted = _counted(oracle, told, release)
            expected: dict[Cell, int | None]
            if told["id"].endswith("-stock") and not suppressed:
                assert said[told["id"]]["protection"] == "none"
                expected = {at: count for at, count, _ in _cells(told, counted)}
                assert 0 in found.values()
            else:
                assert said[told["id"]]["protection"] == told["protection"]
                expected = {a: _protected(told, n, keys) for a, n, keys in _cells(told, counted)}
                assert all(n is None or n >= told["threshold"] for n in found.values())
                some["withheld"] += sum(count is None for count in found.values())
                some["protected"] += sum(count is not None for count in found.values())
            assert found == expected, told["id"]
    assert min(some.values()) > 20
    assert not verify(release, deep=True).findings


def test_an_exact_table_is_what_the_published_records_give(
    extract: Callable[..., Path], build: Build, unsuppressed: Path
) -> None:
    release = build(extract("register"), policy=str(unsuppressed), cutoff=None).path
    records = pl.read_parquet(
        release / "parquet" / "domestic-certificates" / "*" / "*.parquet",
        columns=["local_authority", "current_energy_rating", "lodgement_date",
                 "latest_for_property"],
    ).filter("latest_for_property")  # fmt: skip
    counted = records.group_by(records.columns[:3]).len()
    expected = {tuple(row[:3]): row[3] for row in counted.iter_rows()}
    found = _read(release, "domestic-stock")
    assert {at: count for at, count in found.items() if count} == expected
    assert sum(filter(None, found.values())) == len(records)


def test_only_one_key_for_the_life_of_a_line(
    extract: Callable[..., Path],
    build: Build,
    unsuppressed: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    source = extract("legacy")
    settings: dict[str, Any] = {"policy": str(unsuppressed), "cutoff": _moment()}
    first = build(source, release="a", **settings).path
    monkeypatch.setenv("EPC_RELEASE_CELL_KEY", b64encode(hashlib.sha256(b"2").digest()).decode())
    with pytest.raises(ReleaseError) as caught:
        build(source, release="b", **settings)
    assert (caught.value.problem.code, caught.value.exit) == ("E191", 4)
    assert not (tmp_path / "out" / "b").exists()
    other = build(source, release="a", out=tmp_path / "o", state=tmp_path / "s", **settings).path
    names = ("domestic-lodgements", "domestic-stock")
    same = [_read(first, name) == _read(other, name) for name in names]
    assert same == [False, True]
    build(source, release="c", policy="address-level", cutoff=_moment())  # has no such table
    monkeypatch.delenv("EPC_RELEASE_CELL_KEY")
    with pytest.raises(ReleaseError) as caught:
        build(source, release="b", **settings)
    assert caught.value.problem.code == "E190"
