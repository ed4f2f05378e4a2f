"""``changes/`` of a build: made of two releases, described, verified, searched for leaks."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frictionless import validate

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_json
from epc_release.manifests.checksums import checksums
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.verify import verify
from epc_release.release.changes.apply import apply
from epc_release.release.execute import SerialExecutor
from epc_release.release.leaks.scan import scan
from epc_release.release.progress import Silent


def plain(rows: pl.DataFrame) -> pl.DataFrame:
    """The records of a list alone."""
    return rows.select(pl.exclude("^change_.*$"))


Build = Callable[..., Any]
MADE: dict[str, list[Path]] = {}  # by policy: builds take seconds
CHANGED = {"domestic-certificates": "posttown", "domestic-recommendations": "indicative_cost"}


def later(source: Path, folder: Path) -> Path:
    """The extract of another day: records left, came back and changed."""
    folder.mkdir()
    for file in source.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            header, *rows = list(csv.reader(stream))
        if file.stem in CHANGED:
            at = header.index(CHANGED[file.stem])
            rows = [row for number, row in enumerate(rows) if number % 100 != 3]
            for row in rows[::20]:
                row[at] = "AVALON" if "town" in header[at] else "£1 - £2"
        with (folder / file.name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
    return folder


@pytest.fixture
def days(build: Build, extract: Callable[..., Path], tmp_path: Path) -> Callable[[str], list[Path]]:
    """``days(policy)``: releases of two days, the second with changes since the first."""

    def make(policy: str) -> list[Path]:
        if policy in MADE:
            return MADE[policy]
        sources = [extract(), later(extract(), tmp_path / "later")]
        made: list[Path] = []
        for number, source in enumerate(sources, 1):
            moment = datetime(2026, 10, number, tzinfo=UTC)
            report = build(
                source,
                policy=policy,
                release=f"d{number}",
                cutoff=moment,
                suppressions_as_of=moment,
                archives=(),
                previous=str(made[-1]) if made else None,
                suppressions=extract() / "suppressions.csv",
            )
            made.append(report.path)
        MADE[policy] = made
        return made

    return make


@pytest.mark.filterwarnings("ignore")  # of frictionless and pandas, not ours
def test_changes_are_whole_described_and_lead_to_the_release(
    days: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    first, second = days("address-level")
    assert not (first / "changes").exists()
    lists = second / "changes" / "d1"
    told = json.loads((lists / "changes.json").read_bytes())
    tables = {table["name"]: table for table in told["tables"]}
    assert tables["domestic-certificates"]["columns"]["posttown"] > 50
    assert tables["domestic-certificates"]["counts"]["removed"] > 20
    assert tables["display-certificates"]["status"] == "same"

    assert verify(second, deep=True).ok
    problems = validate(str(second / "datapackage.json")).flatten(["name", "type", "note"])
    assert problems == []

    (records,) = (lists / "domestic-certificates" / "records").glob("*.parquet")
    rows = pl.read_parquet(records)
    whole = pl.read_parquet(second / "parquet" / "domestic-certificates", hive_partitioning=False)
    assert (
        plain(rows).join(whole, on=whole.columns, how="anti", nulls_equal=True).is_empty()
    )  # the lists tell what the release tells
    text = pl.read_csv(
        gzip.decompress(records.with_suffix("").with_suffix(".csv.gz").read_bytes()),
        infer_schema=False,
    )
    assert text.columns == rows.columns
    assert text["posttown"].to_list() == rows["posttown"].to_list()

    apply(str(first), [str(second)], tmp_path / "made", SerialExecutor(), Silent())
    for file in (second / "parquet").rglob("*.parquet"):
        made = tmp_path / "made" / file.relative_to(second)
        assert made.read_bytes() == file.read_bytes()


def test_under_key_sets_no_list_has_what_was_withheld(
    days: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    _, second = days("deidentified")
    private = second.parents[1] / "state" / "d2" / "private"
    assert verify(second, deep=True).ok
    whole = {
        folder.name: pl.read_parquet(folder, hive_partitioning=False)
        for folder in (second / "parquet").iterdir()
    }
    for records in (second / "changes" / "d1").glob("*/records/*.parquet"):
        rows, table = pl.read_parquet(records), whole[records.parts[-3]]
        assert plain(rows).join(table, on=table.columns, how="anti", nulls_equal=True).is_empty()
    report = scan(second, private, None, SerialExecutor(), Silent())
    assert report.leaks == ()


def described_anew(release: Path, path: str) -> None:
    """The descriptor and the checksums of a release of which somebody changed a file."""

    def facts(name: str) -> FileFacts:
        data = (release / name).read_bytes()
        return FileFacts(name, len(data), hashlib.sha256(data).hexdigest())

    told = json.loads((release / "datapackage.json").read_bytes())
    for resource in told["resources"]:
        if resource["path"] == path:
            resource["hash"] = f"sha256:{facts(path).sha256}"
            resource["epcRelease"]["bytes"] = facts(path).bytes
            if "bytes" in resource:
                resource["bytes"] = facts(path).bytes
    (release / "datapackage.json").write_text(to_json(told), encoding="utf-8")
    files = [p for p in release.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]
    listed = checksums(facts(p.relative_to(release).as_posix()) for p in files)
    (release / "SHA256SUMS").write_text(listed, encoding="utf-8")


def test_what_is_hidden_in_a_list_is_found(
    days: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    _, second = days("address-level")
    private = second.parents[1] / "state" / "d2" / "private"
    withheld = pl.read_parquet(private / "withheld.parquet")
    secret = withheld.filter(column="certificate_number")["value"][0]
    stem = "changes/d1/domestic-certificates/records/part-0"

    def parquet(file: Path) -> None:
        rows = pl.read_parquet(file)
        rows.with_columns(posttown=pl.lit(secret)).write_parquet(file)

    def packed(file: Path) -> None:
        text = gzip.decompress(file.read_bytes()).replace(b"AVALON", secret.encode())
        file.write_bytes(gzip.compress(text, mtime=0))

    def index(file: Path) -> None:
        file.write_text(file.read_text("utf-8").replace('"why"', '"x"') + secret, encoding="utf-8")

    for path, edit in (
        (f"{stem}.parquet", parquet),
        (f"{stem}.csv.gz", packed),
        ("changes/d1/changes.json", index),
    ):
        copy = tmp_path / "copy"
        shutil.copytree(second, copy)
        edit(copy / path)
        described_anew(copy, path)
        report = scan(copy, private, None, SerialExecutor(), Silent())
        assert {leak.path for leak in report.leaks if leak.kind == "value"} == {path}
        with pytest.raises(ReleaseError) as caught:
            report.check()
        assert caught.value.problem.code == "E420"
        assert not verify(copy).ok  # the forms of a list contradict each other, too
        shutil.rmtree(copy)
