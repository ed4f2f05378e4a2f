"""The benchmark measures what it says, and its peer does the whole work."""

from __future__ import annotations

import csv
import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.risk import summarise, tabulate

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs a POSIX system")
def test_a_run_counts_children_and_their_memory() -> None:
    run = runpy.run_path(str(SCRIPTS / "measure.py"))["run"]
    child = "import time; block = b'x' * 96 * 1024**2; time.sleep(0.4)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    found = run([sys.executable, "-c", parent], os.environ)
    assert found.peak > 90 * 1024**2
    assert 0 < found.cpu < found.wall + 2
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "raise SystemExit(3)"], os.environ)


def test_the_peer_keeps_every_row(tmp_path: Path) -> None:
    source = tmp_path / "x.csv"
    rows = [
        {"LMK_KEY": "1", "LOCAL_AUTHORITY": "E06000001", "LODGEMENT_DATE": "2020-01-01"},
        {"LMK_KEY": "2", "LOCAL_AUTHORITY": "E06000002", "LODGEMENT_DATE": "2021-01-01"},
        {"LMK_KEY": 'a "b", c', "LOCAL_AUTHORITY": "", "LODGEMENT_DATE": "2021-01-01"},
    ]
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    runpy.run_path(str(SCRIPTS / "bench_peers" / "duckdb_build.py"))["build"](
        source, tmp_path / "out"
    )
    files = tmp_path.glob("out/parquet/*/*.parquet")
    frame = pl.concat(pl.read_parquet(file, hive_partitioning=False) for file in files)
    assert sorted(frame["LMK_KEY"]) == ["1", "2", 'a "b", c']
    assert frame.schema["LODGEMENT_DATE"] == pl.Date
    zipped = 0
    for path in tmp_path.glob("out/archives/*.zip"):
        with zipfile.ZipFile(path) as archive:
            zipped += sum(len(archive.read(name).splitlines()) - 1 for name in archive.namelist())
    assert zipped == 3


def test_certificates_to_measure_are_skewed_and_the_peer_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    made = runpy.run_path(str(SCRIPTS / "bench_certificates.py"))
    source = made["write_certificates"](tmp_path, 20_000)
    frame = pl.read_parquet(source)
    assert frame.height == 20_000
    assert frame.columns == [*made["KEYS"], made["SENSITIVE"], made["UNIT"]]
    places = frame["local_authority"].value_counts(sort=True)["count"]
    counts = sorted(places.to_list())
    assert counts[-1] > 20 * counts[len(counts) // 2]
    keys = list(made["KEYS"][:3])
    cells = tabulate(frame, keys, [made["SENSITIVE"]])
    found = summarise(cells).measures()
    peer = runpy.run_path(str(SCRIPTS / "bench_peers" / "duckdb_k_and_l.py"))["k_and_l"]
    theirs = peer(str(source), keys, made["SENSITIVE"])
    assert theirs == {"k": found["k"], "l": found["l"]}
