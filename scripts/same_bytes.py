"""``scripts/same-bytes``: the same register in many forms must give the same release, bit for bit.

For each dialect one synthetic register is built from CSV, gzip, zip and Parquet, each with one job
and with two; the CSV also with less memory, and so with smaller chunks, and with its records
shuffled over several files. All ``SHA256SUMS`` of a dialect must agree; exit 1 where they do not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "epc_release.release.cli"]
DIALECTS = ("register", "legacy", "current")
FORMS = ("csv", "csv.gz", "zip", "parquet")
FILES = 3  # that the records of a table are shuffled over


def main() -> None:
    arguments = _arguments()
    found = {dialect: set[str]() for dialect in arguments.dialects}
    for dialect, name, source, options in _builds(arguments):
        begun = time.monotonic()
        digest = build(arguments.at, source, [*options, "--policy", arguments.policy])
        found[dialect].add(digest)
        seconds = time.monotonic() - begun
        print(f"{dialect:>8}  {name:<28} {digest[:16]}  {seconds:6.0f} s", flush=True)
    shutil.rmtree(arguments.at)
    if any(len(digests) != 1 for digests in found.values()):
        sys.exit("The releases differ.")


def _builds(arguments: argparse.Namespace) -> Iterator[tuple[str, str, Path, list[str]]]:
    """(dialect, name, source, options) of each build; an extract is removed after its last."""
    for dialect in arguments.dialects:
        for form in arguments.forms:
            folder = synth(arguments.at, arguments.rows, dialect, form)
            for jobs in ("1", "2"):
                yield dialect, f"{form}, jobs {jobs}", folder, ["--jobs", jobs]
            if form == "csv":
                yield dialect, "csv, jobs 2, 1 GiB", folder, ["--jobs", "2", "--memory", "1GiB"]
                mixed = shuffled(folder, arguments.at / "shuffled")
                yield dialect, f"csv shuffled, {FILES} files", mixed, ["--jobs", "2"]
                shutil.rmtree(mixed)
            shutil.rmtree(folder)


def synth(at: Path, rows: int, dialect: str, form: str) -> Path:
    folder = at / f"{dialect}-{form}"
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--rows", str(rows), "--dialect", dialect, "--format", form]
    _run([*PROGRAM, "synth", str(folder), *options])
    return folder


def shuffled(folder: Path, target: Path) -> Path:
    """An extract like ``folder`` with each table's records in another order, in several files."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    known = json.loads((folder / "extract.json").read_text(encoding="utf-8"))
    for name, facts in known["tables"].items():
        table = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
        table = table.sample(fraction=1.0, shuffle=True, seed=1)
        facts["files"] = [
            _written(table.gather_every(FILES, part), target / f"{FILES - part}-{name}.csv")
            for part in range(FILES)
        ]
    shutil.copy(folder / "suppressions.csv", target)
    (target / "extract.json").write_text(json.dumps(known), encoding="utf-8")
    return target


def _written(table: pl.DataFrame, path: Path) -> dict[str, object]:
    """Writes a file; what the control file says of it."""
    table.write_csv(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    return {"path": path.name, "rows": table.height, "bytes": size, "sha256": digest}


def build(at: Path, source: Path, options: list[str]) -> str:
    """The digest of the release's ``SHA256SUMS``."""
    out, state = at / "out", at / "state"
    for folder in (out, state):
        shutil.rmtree(folder, ignore_errors=True)
    told = ["--source", str(source), "--suppressions", str(source / "suppressions.csv")]
    places = ["--out", str(out), "--state", str(state), "--release", "same"]
    _run([*PROGRAM, "build", *told, *places, *options])
    return hashlib.sha256((out / "same" / "SHA256SUMS").read_bytes()).hexdigest()


def _run(command: list[str]) -> None:
    key = base64.b64encode(b"the key of no real release......").decode()
    cell_key = base64.b64encode(b"the cell key of no real release.").decode()
    keys = {"EPC_RELEASE_KEY": key, "EPC_RELEASE_CELL_KEY": cell_key}
    environment = {**os.environ, **keys, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, cwd=ROOT)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/same-bytes", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="certificates")
    parser.add_argument("--dialects", nargs="+", choices=DIALECTS, default=DIALECTS)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--policy", default="address-level")
    parser.add_argument("--at", type=Path, default=ROOT / "bench-output" / "same-bytes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
