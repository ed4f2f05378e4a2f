"""The dictionary and the issue log of a release are compared with its data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epc_release.manifests.describe import describe
from epc_release.manifests.facts import Issue, ReleaseFacts
from epc_release.manifests.verify import verify

LOG, DICTIONARY = "quality/issues.parquet", "dictionary.csv"
Change = Callable[[Path], object]


@pytest.fixture
def described(tmp_path: Path, build_release: Callable[..., ReleaseFacts]) -> Path:
    """A release that tells of its missing cells and of texts that look like formulas."""
    folder = tmp_path / "described"
    facts = build_release(folder)
    tables = []
    for table in facts.tables:
        place = folder / "parquet" / table.name
        rows = pl.read_parquet(place, hive_partitioning=False)
        issues = table.issues
        if table.name == "homes":
            odd = rows.filter(pl.col("address").str.starts_with("="))
            counts = odd.group_by("local_authority").len().iter_rows()
            issues += tuple(
                Issue("homes", "address", "formula-like", "warning", n, place)
                for place, n in counts
            )
        missing = {name: rows[name].null_count() for name in rows.columns}
        tables.append(replace(table, issues=issues, missing=missing))
    describe(replace(facts, tables=tuple(tables)), folder)
    return folder


def reseal(folder: Path, path: str) -> None:
    """Make the descriptor and the checksums agree with a document."""
    data = (folder / path).read_bytes()
    descriptor = folder / "datapackage.json"
    told = json.loads(descriptor.read_text("utf-8"))
    for resource in told["resources"]:
        if resource["path"] == path:
            resource |= {"bytes": len(data), "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}
    descriptor.write_text(json.dumps(told), "utf-8")
    sums = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / p).read_bytes()).hexdigest()}  {p}\n" for _, p in sums]
    (folder / "SHA256SUMS").write_text("".join(lines))


def text(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / DICTIONARY
        found = path.read_bytes().decode()
        assert old in found
        path.write_bytes(found.replace(old, new, 1).encode())
        reseal(folder, DICTIONARY)

    return change


def log(change: Callable[[pa.Table], pa.Table]) -> Change:
    def changed(folder: Path) -> None:
        pq.write_table(change(pq.read_table(folder / LOG, partitioning=None)), folder / LOG)
        reseal(folder, LOG)

    return changed


def moved(table: pa.Table) -> pa.Table:
    """The same totals, in another partition."""
    rows = table.to_pylist()
    formula = next(row for row in rows if row["code"] == "formula-like")
    formula["partition"] = "E06000001"
    return pa.Table.from_pylist(rows, schema=table.schema)


def codes(folder: Path, *, deep: bool) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in verify(folder, deep=deep).findings]


def test_a_sound_release_has_both(described: Path) -> None:
    assert codes(described, deep=True) == []
    told = json.loads((described / "datapackage.json").read_text("utf-8"))
    assert {LOG, DICTIONARY} <= {r["path"] for r in told["resources"] if isinstance(r["path"], str)}
    sums = (described / "SHA256SUMS").read_text()
    assert f"  {LOG}\n" in sums
    assert f"  {DICTIONARY}\n" in sums


@pytest.mark.parametrize(
    ("change", "path", "shallow"),
    [
        (text(",number,string,", ",number,integer,"), DICTIONARY, True),
        (text("homes,area,number,m2", "homes,area,number,ft2"), DICTIONARY, True),
        (text("table,name", "name,table"), DICTIONARY, True),
        (text("\r\nadvice,", "\r\nadvices,"), DICTIONARY, True),
        (text("0.3333", "0.1111"), DICTIONARY, False),
        (log(lambda table: table.slice(1)), LOG, True),
        (log(lambda table: table.drop_columns(["code"])), LOG, True),
        (log(lambda table: table.replace_schema_metadata({"notes": "x"})), LOG, True),
        (log(moved), LOG, False),
    ],
)
def test_a_document_that_does_not_fit(
    described: Path, change: Change, path: str, *, shallow: bool
) -> None:
    change(described)
    assert bool(codes(described, deep=False)) == shallow
    found = codes(described, deep=True)
    assert found
    assert set(found) == {("E716", path)}


@pytest.mark.parametrize("path", [LOG, DICTIONARY])
def test_a_document_that_is_damaged_or_not_described(described: Path, path: str) -> None:
    whole = (described / path).read_bytes()
    (described / path).write_bytes(b"\xff")
    assert ("E705", path) in codes(described, deep=False)
    reseal(described, path)
    assert codes(described, deep=False) == [("E716", path)]
    (described / path).write_bytes(whole)
    descriptor = described / "datapackage.json"
    told = json.loads(descriptor.read_text("utf-8"))
    told["resources"] = [r for r in told["resources"] if r["path"] != path]
    descriptor.write_text(json.dumps(told), "utf-8")
    reseal(described, path)
    assert codes(described, deep=True) == [("E704", path)]
