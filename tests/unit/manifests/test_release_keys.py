"""Fingerprints of keys: found again, found twice, out of core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from epc_release.manifests.keys import KeyIndex, KeySpill, fingerprints


def test_equal_keys_have_equal_fingerprints() -> None:
    left = pl.DataFrame({"a": ["x", "y", None], "b": [1, 2, None]})
    right = pl.DataFrame({"b2": [2, 1], "a2": ["y", "x"]})
    prints = fingerprints(left, ("a", "b"))
    assert prints.dtype == np.uint64
    assert list(fingerprints(right, ("a2", "b2"))) == [prints[1], prints[0]]
    assert len(set(prints)) == 3
    assert list(fingerprints(left, ("b", "a"))) != list(prints)


def test_keys_over_many_additions(tmp_path: Path) -> None:
    numbers = pl.DataFrame({"n": range(10_000)})
    prints = fingerprints(numbers, ("n",))
    with KeySpill(tmp_path / "keys") as spill:
        for start in range(0, 10_000, 999):
            part = prints[start : start + 999]
            spill.add(part, (np.arange(start, start + len(part)) % 7).astype(np.uint16))
        spill.add(prints[5:7], np.zeros(2, dtype=np.uint16))
    assert sorted(spill.repeated()) == sorted(prints[5:7])
    index = KeyIndex(spill, 10_002)
    there, tags = index.find(prints)
    assert there.all()
    assert list(tags[7:]) == [n % 7 for n in range(7, 10_000)]
    there, _ = index.find(fingerprints(numbers + 10_000, ("n",)))
    assert not there.any()


def test_no_keys_at_all(tmp_path: Path) -> None:
    with KeySpill(tmp_path / "keys") as spill:
        pass
    assert len(spill.repeated()) == 0
    there, tags = KeyIndex(spill, 0).find(np.array([1, 2], dtype=np.uint64))
    assert not there.any()
    assert not tags.any()
