"""``scripts/bench check``: rows per CPU second of our check and of frictionless, and our memory."""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure
from epc_release.schemas.load import load_register

ROOT = Path(__file__).resolve().parents[1]
OURS = [sys.executable, "-m", "epc_release.release.cli", "check"]
PEER = [sys.executable, str(ROOT / "scripts" / "bench_peers" / "frictionless_validate.py")]
TABLE = "domestic-certificates"
WITH_ERRORS = 3  # our exit code: a synthetic file has some of everything


def schema_of(dialect: str) -> dict[str, Any]:
    """The Table Schema of a dialect's files: the register's, under the names that they use.

    Whole numbers may have a decimal point in published files, so they are numbers here: else
    frictionless would spend its time on telling errors.
    """
    register = load_register("epc")
    schema = register.table(TABLE).schema
    known = next(d for d in register.dialects if (d.dialect, d.table) == (dialect, TABLE))
    fields: list[dict[str, Any]] = []
    for spelling in known.header:
        name = known.columns.get(spelling)
        if name is None:
            fields.append({"name": spelling, "type": "string"})
            continue
        field = {**schema.by_name[name].descriptor, "name": spelling}
        tokens = (*schema.missing_values(name), *known.missing.get(name, ()))
        kind = "number" if field["type"] == "integer" else field["type"]
        fields.append({**field, "type": kind, "missingValues": list(dict.fromkeys(tokens))})
    key = next(s for s in known.header if known.columns.get(s) == schema.primary_key[0])
    return {"fields": fields, "primaryKey": [key]}


def first_rows(source: Path, rows: int) -> Path:
    """The first so many records of a file whose records are lines, beside it."""
    part = source.with_name(f"first-{rows}.csv")
    with source.open("rb") as whole, part.open("wb") as out:
        out.writelines(itertools.islice(whole, rows + 1))
    return part


def speeds(at: Path, source: Path, rows: int, slice_rows: int, runs: int) -> dict[str, Any]:
    """Alternating runs of both; the ratio is taken pair by pair."""
    schema = at / "check.schema.json"
    schema.write_text(json.dumps(schema_of("legacy")), encoding="utf-8")
    part = first_rows(source, slice_rows)
    found: dict[str, list[float]] = {"epc-release": [], "frictionless": []}
    for number in range(runs):
        ours = measure.run(
            [*OURS, str(source), "--schema", str(schema), "--jobs", "1"],
            environment(),
            accept=(0, WITH_ERRORS),
        )
        peer = measure.run([*PEER, str(part), str(schema)], environment())
        found["epc-release"].append(round(rows / ours.cpu))
        found["frictionless"].append(round(slice_rows / peer.cpu))
        print(
            f"{number + 1}: epc-release {rows / ours.cpu:9,.0f} rows per CPU second,"
            f" frictionless {slice_rows / peer.cpu:7,.0f}, peak {ours.peak >> 20} MiB",
            flush=True,
        )
    ratios = [a / b for a, b in zip(*found.values(), strict=True)]
    return {"rows": rows, "slice": slice_rows, "rows_per_cpu_second": found, "ratios": ratios}


def memory(at: Path, sizes: list[int], limit: str) -> dict[str, dict[str, float]]:
    """The peak of our process tree over files of nothing but so many keys."""
    schema = at / "keys.schema.json"
    fields = [{"name": "key", "type": "string", "constraints": {"required": True}}]
    schema.write_text(json.dumps({"fields": fields, "primaryKey": "key"}), encoding="utf-8")
    figures = {}
    for rows in sizes:
        source = at / "keys.csv"
        with source.open("w", encoding="ascii", newline="") as out:
            out.writelines(_keys(rows))
        command = [*OURS, str(source), "--schema", str(schema), "--memory", limit]
        run = measure.run(command, environment(), accept=(0, WITH_ERRORS))
        figures[str(rows)] = {"cpu": run.cpu, "wall": run.wall, "peak": run.peak}
        print(f"{rows:>10,} keys: peak {run.peak >> 20} MiB, {run.cpu:.1f} CPU s", flush=True)
        source.unlink()
    return figures


def _keys(rows: int) -> Iterator[str]:
    """Keys of twenty digits; the first one stands again at the end."""
    numbers = random.Random(1)
    yield "key\r\n"
    for _ in range(rows):
        yield f"{numbers.randrange(10**20):020}\r\n"
    yield f"{random.Random(1).randrange(10**20):020}\r\n"


def environment() -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("EPC_RELEASE_")}
    return {**inherited, "PYTHONPATH": str(ROOT)}
