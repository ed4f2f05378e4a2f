"""What ``scripts/bench disclosure`` runs: our measures, DuckDB's k and l, and pyCANON's k; and our
suppression beside our measuring.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from bench_certificates import KEYS, SENSITIVE, write_certificates

from epc_release.anonymise.keysets import KeySet, Sensitive
from epc_release.anonymise.risk import sizes
from epc_release.anonymise.suppression import suppress

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "scripts" / "bench_peers"
ORACLES = ROOT / ".venv-oracles" / "bin" / "python"
OURS = [sys.executable, "-m", "epc_release.release.cli", "risk"]
MEMORY = "2560MiB"  # limit where none is given
WARM = 1000  # rows that are measured before, so that loading libraries is not
FEW = 5  # of the keys, where a run takes fewer
K = 5
GROUP_ROWS = 1 << 19  # of whole partitions together, as a build of many records does


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
        "epc-release": [sys.executable, str(Path(__file__)), "smallest", *asked],
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


def suppression(source: Path, count: int, limit: str) -> list[str]:
    """The command that suppresses over so many keys: k alone, or with at least two ratings."""
    keys = ",".join(KEYS[:count])
    return [sys.executable, str(Path(__file__)), "suppressed", str(source), keys, limit]


def _suppressed(path: str, keys: list[str], limit: str) -> dict[str, float]:
    """Seconds of suppression alone, its records in memory in groups of whole partitions.

    Keys after partition and year are given up from the last to the first, as a policy would.
    """
    texts = [name for name in (*keys, SENSITIVE) if name != "lodgement_year"]
    read = pq.read_table(path, columns=[*keys, SENSITIVE], read_dictionary=texts)
    frame = pl.DataFrame(read).sort(keys[0])
    del read
    asked = (Sensitive(SENSITIVE, l=2),) if limit == "k and l" else ()
    star = tuple(reversed(keys[2:]))
    key_set = KeySet(
        "bench", "bench", "", tuple(keys), None, K, asked, "suppress", star, 1, 1, 0, 0
    )
    groups = list(_groups(frame, keys[0]))
    suppress(groups[0][:WARM], [key_set], {})
    cells = dropped = 0
    started, clock = time.process_time(), time.monotonic()
    for group in groups:
        done = suppress(group, [key_set], {})
        cells += sum(int(flags.sum()) for flags in done.stars.values())
        dropped += int(done.dropped.sum())
    cpu, wall = time.process_time() - started, time.monotonic() - clock
    return {"cpu": cpu, "wall": wall, "cells": cells, "dropped": dropped}


def _groups(frame: pl.DataFrame, partition: str) -> Iterator[pl.DataFrame]:
    """Slices of whole partitions of a sorted frame."""
    lengths = frame.group_by(partition, maintain_order=True).len()["len"]
    start = rows = 0
    for length in lengths:
        rows += length
        if rows >= GROUP_ROWS or start + rows == frame.height:
            yield frame[start : start + rows].rechunk()
            start, rows = start + rows, 0


def _smallest(path: str, keys: list[str]) -> dict[str, float]:
    """As the peer's function of that name does it."""
    frame = pl.read_csv(path, columns=keys, infer_schema=False)
    sizes(frame[:WARM], keys)
    started = time.process_time()
    k = int(sizes(frame, keys).min())
    return {"k": k, "seconds": time.process_time() - started}


if __name__ == "__main__":
    kind, file, names, *rest = sys.argv[1:]
    if kind == "suppressed":
        print(json.dumps(_suppressed(file, names.split(","), *rest)))
    else:
        print(json.dumps(_smallest(file, names.split(","))))
