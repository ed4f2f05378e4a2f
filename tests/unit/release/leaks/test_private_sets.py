"""What the tasks of a build put down, and what the private sets make of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.release.leaks.private import load_private


def test_sets_that_are_not_there_stop_the_test(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="E422"):
        load_private(tmp_path)
    (tmp_path / "sets.toml").write_text("digests = [", "utf-8")
    with pytest.raises(ReleaseError, match="E422"):
        load_private(tmp_path)


def _empty(folder: Path, told: str) -> None:
    (folder / "sets.toml").write_text(told, "utf-8")
    exact = pl.DataFrame(schema=dict.fromkeys(("table", "column", "value"), pl.String))
    exact.write_parquet(folder / "withheld.parquet")
    exact.with_columns(partition=pl.lit("")).write_parquet(folder / "starred.parquet")
    (folder / "canaries.csv").write_text("table,column,value\n", "utf-8")


PLAIN = 'digests = "00000000000000ff"\nkinds = []\nrecord_keys = []\n[pseudonymised]\n'
KEYED = PLAIN.replace("[]", '["k"]', 1).replace("[p", 'key_id = "00000000"\n[p') + 'key = "k"\n'


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("list.csv", "name\nCanary bdfghjl\n", "it has no column value"),
        ("list.csv", "value\nCanary bdfghjl\nshort\n", "value 2 has fewer than 8 bytes"),
        ("list.txt", "\u00e9" * 9, "it is no text in UTF-8"),
    ],
)
def test_a_list_of_canaries_that_is_wrong_is_refused(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    _empty(tmp_path, PLAIN)
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ReleaseError, match=f"E423.*{problem}"):
        load_private(tmp_path, tmp_path / name)


def test_canaries_are_taken_from_either_kind_of_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _empty(tmp_path, PLAIN)
    monkeypatch.delenv("EPC_RELEASE_KEY", raising=False)  # a key is looked for as well
    (tmp_path / "list.csv").write_text("table,value\nx,Canary bdfghjl\n", "utf-8")
    (tmp_path / "list.txt").write_text("Canary bdfghjl\n\nCanary hjlnpqr\n", "utf-8")
    assert len(load_private(tmp_path, tmp_path / "list.csv").needles) == 1
    assert len(load_private(tmp_path, tmp_path / "list.txt").needles) == 2


def test_another_secret_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _empty(tmp_path, KEYED)
    monkeypatch.delenv("EPC_RELEASE_KEY", raising=False)
    with pytest.raises(ReleaseError, match="E160"):
        load_private(tmp_path)
    monkeypatch.setenv(
        "EPC_RELEASE_KEY", "WG8XcmFuZG9tIGtleSBmb3IgdGVzdHMgb25seSEhMTIzNDU2Nzg5MA=="
    )
    with pytest.raises(ReleaseError, match="E424"):
        load_private(tmp_path)
