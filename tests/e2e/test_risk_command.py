"""``epc-release risk`` as it is called: contract, errors, hostile files, nothing left behind."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.release.cli import failure, main

Build = Callable[..., Any]
Extract = Callable[..., Path]

CSV = "area,kind,rating,uprn\n" + "".join(
    f"{'xy'[i % 2]},{'flat' if i % 3 else 'house'},{'ABC'[i % 5 % 3]},{i // 2}\n" for i in range(60)
)
CONTRACT = {
    *("rows", "classes", "k", "l", "entropy_l", "alpha", "t", "beta", "delta", "uniques"),
    "rows_below_k",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(failure, "_interrupt_on_terminate", lambda: None)


def risk(*arguments: str) -> int:
    Path("work").mkdir(exist_ok=True)
    code = main(["risk", *arguments, "--work", "work"])
    assert not any(Path("work").iterdir())
    return code


def measures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert risk(*arguments, "--json") == 0
    return dict(json.loads(capsys.readouterr().out))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert risk(*arguments) == 2
    return capsys.readouterr().err


def test_one_object_with_the_measures_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text(CSV)
    found = measures(capsys, "a.csv", "--keys", "area,kind", "--sensitive", "rating")
    assert set(found) >= CONTRACT
    assert all(found[name] is not None for name in CONTRACT)
    assert (found["rows"], found["classes"], found["k"], found["l"]) == (60, 4, 10, 3)
    assert (found["uniques"], found["rows_below_k"], found["threshold"]) == (0, 0, 5)
    assert list(found["sensitive"]) == ["rating"]


def test_csv_gzip_zip_and_parquet_hold_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text(CSV)
    Path("a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("inside.csv", CSV)
    pl.read_csv(CSV.encode()).write_parquet("a.parquet")
    asked = ("--keys", "kind", "--sensitive", "rating", "--unit", "uprn", "--partition", "area")
    every = [measures(capsys, f"a.{end}", *asked) for end in ("csv", "csv.gz", "zip", "parquet")]
    for found in every:
        assert found.pop("files")
    assert every[1:] == every[:1] * 3
    worst = every[0]["worst_partition"]
    assert (worst["value"], worst["partitions"], worst["rows"]) == ("x", 2, 30)
    assert every[0]["keys"] == ["area", "kind"]


def test_several_files_are_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    Path("both").mkdir()
    Path("both/1.csv").write_text("a,s\nx,1\n")
    Path("both/2.csv").write_text("s,b,a\n10,-,x\n9,-,x\n")
    found = measures(capsys, "both", "--keys", "a", "--sensitive", "s")
    assert (found["rows"], found["k"], found["l"]) == (3, 3, 3)
    assert found["ordered"] == ["s"]  # nothing but numbers
    assert found["t"] == 0


def test_a_person_reads_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text(CSV)
    given = ("--sensitive", "rating", "--sensitive", "uprn", "--partition", "area", "--k", "11")
    assert risk("a.csv", "--keys", "kind", *given) == 0
    told = capsys.readouterr().out
    for part in ("60 rows, 4 classes over area, kind", "smallest class", "rows_below_k", "uprn:"):
        assert part in told
    assert "Worst of 2 by area: x" in told


def test_texts_may_have_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("a,s\n1,A\n1,B\n2,A\n2,C\n")
    asked = ("a.csv", "--keys", "a", "--sensitive", "s")
    assert measures(capsys, *asked)["t"] == 0.25
    assert measures(capsys, *asked, "--ordered", "s")["t"] == 0.125


def test_a_table_of_a_release(
    extract: Extract, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    release = str(build(extract(), policy="address-level").path)
    capsys.readouterr()
    asked = ("--keys", "property_type", "--sensitive", "current_energy_rating")
    table = ("--table", "domestic-certificates", "--partition", "local_authority")
    found = measures(capsys, release, *asked, *table, "--unit", "uprn")
    ledger = json.loads(Path(release, "ledger.json").read_text())
    assert found["rows"] == ledger["tables"]["domestic-certificates"]["published"]
    assert "domestic-certificates" in refused(capsys, release, *asked)
    assert "it has no table other" in refused(capsys, release, *asked, "--table", "other")


def test_every_column_together(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("a,b,c\n1,2,3\n1,2,3\n1,2,4\n,,\n")
    found = measures(capsys, "a.csv", "--all-columns")
    assert (found["classes"], found["uniques"], found["k"]) == (3, 2, 1)
    found = measures(capsys, "a.csv", "--all-columns", "--sensitive", "c")
    assert (found["classes"], found["uniques"], found["l"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n", (0, 0, None, 0)),
        ("a,b\n1,2\n", (1, 1, 1, 1)),
        ("a,b\n,\n,\n,\n", (3, 1, 3, 0)),
    ],
)
def test_next_to_nothing_is_measured(
    content: str, expected: tuple[Any, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.csv").write_text(content)
    found = measures(capsys, "a.csv", "--keys", "a,b,a")
    assert (found["rows"], found["classes"], found["k"], found["uniques"]) == expected
    assert found["l"] is None
    assert found["keys"] == ["a", "b"]


def test_a_million_distinct_values_in_little_memory(capsys: pytest.CaptureFixture[str]) -> None:
    rows = 1_000_000
    frame = pl.select(pl.int_range(rows).alias("n"))
    frame = frame.select(key=pl.format("key {}", "n"), s=pl.col("n") % 3)
    pl.concat([frame, frame[:10]]).write_parquet("a.parquet")
    found = measures(capsys, "a.parquet", "--keys", "key", "--sensitive", "s", "--memory", "400MiB")
    assert (found["rows"], found["classes"]) == (rows + 10, rows)
    assert (found["uniques"], found["largest_class"]) == (rows - 10, 2)


def test_what_cannot_be_asked_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("a,b,b\nsecret,2,3\n")
    assert "its columns: a, b, b" in refused(capsys, "a.csv", "--keys", "c")
    assert "several columns b" in refused(capsys, "a.csv", "--keys", "b")
    assert "E271" in refused(capsys, "a.csv", "--keys", "a", "--sensitive", "a")
    assert "E271" in refused(capsys, "a.csv", "--keys", "a", "--ordered", "b")
    assert "E271" in refused(capsys, "a.csv", "--keys", "a", "--unit", "b", "--partition", "b")
    assert "E276" in refused(capsys, "a.csv")  # it is no release, so it declares no keys
    assert "E276" in refused(capsys, "a.csv", "a.csv")
    assert "give --keys or --all-columns too" in refused(capsys, "a.csv", "--unit", "a")
    assert "either --keys or" in refused(capsys, "a.csv", "--keys", "a", "--all-columns")
    assert "no column is named" in refused(capsys, "a.csv", "--keys", ",")
    assert "E276" in refused(capsys, "a.csv", "--keys", "a", "--table", "t")
    assert "E102" in refused(capsys, "a.csv", "--keys", "a", "--memory", "much")
    assert "E201" in refused(capsys, "missing.csv", "--keys", "a")


def test_values_are_never_quoted_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("ragged.csv").write_text("a,b\n1,2\nsecret,2,3\n")
    told = refused(capsys, "ragged.csv", "--keys", "a")
    assert "E273: ragged.csv, line 3: a record has 3 fields, not 2" in told
    assert "secret" not in told
    Path("broken.parquet").write_bytes(b"PAR1 secret PAR1")
    assert "secret" not in refused(capsys, "broken.parquet", "--keys", "a")
    Path("bad.csv").write_bytes(b"a\nsecret\xff\n")
    assert "secret" not in refused(capsys, "bad.csv", "--keys", "a")


def test_a_sensitive_column_of_too_many_values_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = 60_000
    frame = pl.select(a=pl.int_range(rows) % 9, s=pl.format("value {}", pl.int_range(rows)))
    frame.write_parquet("a.parquet")
    asked = ("a.parquet", "--keys", "a", "--sensitive", "s", "--memory", "64MiB")
    assert "E274: s has more distinct values" in refused(capsys, *asked)
