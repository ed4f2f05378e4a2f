"""``scripts/changes``: follow a synthetic register that changes, and count what that takes.

A register of ``--rows`` certificates with their recommendations is built, and a second time with a
share of the certificates changed: of these two in five in a cell, two in five are new, one in five
is gone (with their recommendations). ``apply`` makes the second release of the first one and its
``changes/``; every ``content_sha256`` must be the second release's, or the exit code is 1.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "epc_release.release.cli"]
KEY, CELL = "certificate_number", "posttown"
CHANGED, NEW, GONE = 0.4, 0.4, 0.2  # shares of the certificates that are not as they were
DAYS = ("2026-10-01", "2026-10-02")


def main() -> None:
    """Print bytes, seconds and memory, then whether the two are equal."""
    arguments = _arguments()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "EPC_RELEASE_LOG_FORMAT": "text"}
    for name in ("EPC_RELEASE_KEY", "EPC_RELEASE_CELL_KEY"):
        environ[name] = base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()
    at: Path = arguments.at
    extract = at / "extract"
    options = ("--rows", str(arguments.rows), "--seed", "11", "--format", "parquet")
    tell("synth", measure.run([*PROGRAM, "synth", str(extract), *options], environ))
    for number, day in enumerate(DAYS):
        source = at / f"extract-{day}"
        days_extract(extract, source, arguments.share, number)
        tell(f"build {day}", measure.run(build(at, source, day, arguments), environ))
        shutil.rmtree(source)
    first, second = (at / "releases" / day for day in DAYS)
    apply = [*PROGRAM, "apply", str(first), str(second), "--out", str(at / "made"), "--json"]
    with (at / "applied.json").open("wb") as sink:
        tell("apply", measure.run(apply, environ, stdout=sink))
    report = json.loads((at / "applied.json").read_bytes())
    show(report["bytes"], second)
    equal = content(at / "made") == content(second)
    same = all(
        (at / "made" / path).read_bytes() == (second / path).read_bytes() for path in parts(second)
    )
    print(f"content_sha256 equal: {equal}; Parquet files byte for byte: {same}")
    shutil.rmtree(at)
    if not equal:
        sys.exit("The releases differ.")


def days_extract(source: Path, target: Path, share: float, day: int) -> None:
    """The extract of the first or the second day, by the hash of each certificate's key."""
    target.mkdir()
    place = pl.col(KEY).hash(seed=3) % 1_000_000 / 1_000_000 / share
    absent = place.is_between(CHANGED, CHANGED + NEW, closed="left")
    if day:
        absent = place.is_between(CHANGED + NEW, 1, closed="left")
    for file in sorted(source.glob("*.parquet")):
        rows = pl.scan_parquet(file).filter(~absent)
        if day and CELL in rows.collect_schema():
            other = pl.when(place < CHANGED).then(pl.lit("AVALON")).otherwise(CELL)
            rows = rows.with_columns(other.alias(CELL))
        rows.sink_parquet(target / file.name)
    shutil.copy(source / "suppressions.csv", target)


def build(at: Path, source: Path, day: str, arguments: argparse.Namespace) -> list[str]:
    """The command of one day; the second has the first as its previous release."""
    moment = f"{day}T00:00:00Z"
    previous = str(at / "releases" / DAYS[0]) if day != DAYS[0] else "none"
    return [
        *(*PROGRAM, "build", "--source", str(source), "--policy", arguments.policy),
        *("--suppressions", str(source / "suppressions.csv"), "--suppressions-as-of", moment),
        *("--cutoff", moment, "--release", day, "--previous", previous, "--archives", "none"),
        *("--out", str(at / "releases"), "--state", str(at / "state")),
    ]


def tell(what: str, done: measure.Run) -> None:
    print(f"{what:<17} {done.wall:6.0f} s, peak {done.peak / 2**20:6,.0f} MiB", flush=True)


def show(downloaded: int, release: Path) -> None:
    """Bytes of the changes that were read, beside those of the tables."""
    index = json.loads((release / "changes" / DAYS[0] / "changes.json").read_bytes())
    for table in index["tables"]:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in table["counts"].items())
        rows = sum(each["after"]["rows"] for each in table["partitions"] if each["after"])
        print(f"{table['name']:<30} {rows:>10,} rows: {counts or table['status']}")
    whole = sum((release / path).stat().st_size for path in parts(release))
    print(f"downloaded {downloaded:,} bytes of {whole:,} ({downloaded / whole:.2%})")


def resources(release: Path) -> Iterator[dict[str, Any]]:
    told = json.loads((release / "datapackage.json").read_bytes())
    return (found for found in told["resources"] if "files" in found)


def parts(release: Path) -> list[str]:
    return [file["path"] for table in resources(release) for file in table["files"]]


def content(release: Path) -> dict[str, str]:
    """``content_sha256`` by path, as the descriptor tells it."""
    found = (file for table in resources(release) for file in table["files"])
    return {file["path"]: file["content_sha256"] for file in found}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="certificates")
    parser.add_argument("--share", type=float, default=0.01, help="of them that change")
    parser.add_argument("--policy", default="address-level")
    parser.add_argument("--at", type=Path, default=Path("changes-work"), help="a folder, removed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
