"""What ``scripts/bench disclosure`` runs: our measures, DuckDB's k and l, and pyCANON's k."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from bench_certificates import KEYS, SENSITIVE, write_certificates

from epc_release.anonymise.risk import sizes

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "scripts" / "bench_peers"
ORACLES = ROOT / ".venv-oracles" / "bin" / "python"
OURS = [sys.executable, "-m", "epc_release.release.cli", "risk"]
MEMORY = "2560MiB"  # limit where none is given
WARM = 1000  # rows that are measured before, so that loading libraries is not
FEW = 5  # of the keys, where a run takes fewer


@dataclass(frozen=True)
class Alone:
    """CPU seconds of each run by program, and how many times ours is as fast, pair by pair."""

    seconds: dict[str, list[float]]
    ratios: list[float]


def k_alone(at: Path, rows: int, runs: int) -> Alone:
    """k over five keys, both with the texts of a CSV already in memory, in turn."""
    source = write_certificates(at, rows).with_suffix(".csv")
    if not source.is_file():
        pl.read_parquet(source.with_suffix(".parquet"), columns=list(KEYS[:FEW])).write_csv(source)
    asked = [str(source), ",".join(KEYS[:FEW])]
    commands = {
        "epc-release": [sys.executable, str(Path(__file__)), *asked],
        "pycanon": [str(ORACLES), str(PEERS / "pycanon_measures.py"), *asked],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        answers = set()
        for name, command in commands.items():
            answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            answers.add(answer["k"])
            seconds[name].append(answer["seconds"])
        if len(answers) > 1:
            raise ValueError(f"k differs: {answers}")
    pairs = zip(seconds["pycanon"], seconds["epc-release"], strict=True)
    return Alone(seconds, [theirs / ours for theirs, ours in pairs])


def commands(source: Path, memory: str | None) -> dict[str, dict[str, list[str]]]:
    """By number of keys: ours with every measure, and DuckDB's k and l."""
    found = {}
    for count in (FEW, len(KEYS)):
        keys = ",".join(KEYS[:count])
        options = ["--sensitive", SENSITIVE, "--memory", memory or MEMORY, "--json"]
        peer = [sys.executable, str(PEERS / "duckdb_k_and_l.py"), str(source), keys, SENSITIVE]
        ours = [*OURS, str(source), "--keys", keys, *options]
        found[f"{count} keys"] = {"epc-release": ours, "duckdb": peer}
    return found


def _smallest(path: str, keys: list[str]) -> dict[str, float]:
    """As the peer's function of that name does it."""
    frame = pl.read_csv(path, columns=keys, infer_schema=False)
    sizes(frame[:WARM], keys)
    started = time.process_time()
    k = int(sizes(frame, keys).min())
    return {"k": k, "seconds": time.process_time() - started}


if __name__ == "__main__":
    print(json.dumps(_smallest(sys.argv[1], sys.argv[2].split(","))))
