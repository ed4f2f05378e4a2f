"""The same measures as pyCANON itself, on tables made at random.

It runs in an environment of its own, whose pins do not go with ours. Known differences: it leaves
out rows with a missing key, so the tables have none; it rounds entropy l down, after a power of e
whose last digit can make a whole number the one before; and of a table with one value alone it
divides by nothing.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.risk import marginal, summarise, tabulate

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "scripts" / "bench_peers" / "pycanon_measures.py"
TABLES = 60
SENSITIVE: tuple[list[Any], ...] = (
    ["a", "b", "c", "d"],
    ["only", "another"],
    list(range(7)),
    [0.5, -1.25, 3.0, 1e6],
)


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The interpreter that has the programs of requirements-oracles.lock."""
    for place in ("bin/python", "Scripts/python.exe"):
        if (found := ROOT / ".venv-oracles" / place).exists():
            return found
    pytest.skip("needs .venv-oracles, which scripts/oracles makes")


def tables() -> list[dict[str, Any]]:
    """Classes of one record and of many; one or two sensitive columns of texts or numbers."""
    chance = random.Random(4)
    found: list[dict[str, Any]] = []
    while len(found) < TABLES:
        rows = chance.randint(2, 60)
        keys = [f"k{i}" for i in range(chance.randint(1, 3))]
        sensitive = [f"s{i}" for i in range(chance.randint(1, 2))]
        width = chance.randint(1, 4)
        columns: dict[str, list[Any]] = {
            name: [f"v{chance.randint(1, width)}" for _ in range(rows)] for name in keys
        }
        for name in sensitive:
            values = chance.choice(SENSITIVE)
            skew = [chance.random() ** 3 + 0.01 for _ in values]
            columns[name] = chance.choices(values, skew, k=rows)
        if all(len(set(columns[name])) > 1 for name in sensitive):
            found.append({"columns": columns, "keys": keys, "sensitive": sensitive})
    return found


def ours(table: dict[str, Any]) -> dict[str, Any]:
    frame = pl.DataFrame(table["columns"])
    cells = tabulate(frame, table["keys"], table["sensitive"])
    numbers = [name for name in table["sensitive"] if frame[name].dtype.is_numeric()]
    return summarise(cells, marginal(cells), ordered=numbers).measures()


def test_the_same_measures(oracles: Path) -> None:
    given = tables()
    answer = subprocess.run(
        [oracles, PEER], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    for table, theirs in zip(given, json.loads(answer.stdout), strict=True):
        own = ours(table)
        rounded = theirs.pop("entropy_l")
        assert rounded in {math.floor(own["entropy_l"] - 1e-9), math.floor(own["entropy_l"] + 1e-9)}
        assert {name: own[name] for name in theirs} == pytest.approx(theirs, abs=1e-9), table
