"""The City of London's records are published with Westminster's, and nothing tells them apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def test_no_path_and_no_cell_tells_a_small_authority(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    source = tmp_path / "moved"
    source.mkdir()
    swapped = {"E06000002": "E09000001", "W06000015": "E09000033", "E08000025": "E06000053"}
    names = {"Middlesbrough": "City of London", "Cardiff": "Westminster"}
    for path in extract("register").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        with (source / path.name).open("w", encoding="utf-8", newline="") as file:
            changed = ([swapped.get(c, names.get(c, c)) for c in row] for row in rows)
            csv.writer(file).writerows(changed)
    release = build(
        source, policy="deidentified", suppressions_as_of=_as_of(extract("register")),
        cutoff=_as_of(extract("register")),
    ).path  # fmt: skip
    paths = [path.relative_to(release).as_posix() for path in release.rglob("*")]
    for code in ("E09000001", "E09000033", "E06000053"):
        assert not any(code in path for path in paths)
    assert any("local_authority=E41000324" in path for path in paths)
    assert "csv/domestic-E41000324-Westminster-City-of-London.zip" in paths
    for path in release.rglob("parquet/**/*.parquet"):
        table = pq.ParquetFile(path).read()
        for column in table.column_names:
            if column.startswith("local_authority"):
                told = set(table[column].to_pylist())
                assert told.isdisjoint({*swapped.values(), "City of London", "Westminster"})
    descriptor = json.loads((release / "datapackage.json").read_text("utf-8"))
    assert "E09000001" not in json.dumps(descriptor)


def _as_of(source: Path) -> Any:
    from datetime import datetime

    control = json.loads((source / "extract.json").read_text("utf-8"))
    return datetime.fromisoformat(control["suppressions"]["as_of"])
