"""Verdicts that are remembered from chunk to chunk are the same as those of each chunk alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.release.check import columns, room

if TYPE_CHECKING:
    from tests.unit.release.check.conftest import Check

FIELDS: list[dict[str, Any]] = [
    {"name": "a", "type": "integer", "constraints": {"minimum": 3}},
    {"name": "b", "type": "integer", "constraints": {"minimum": 3}, "missingValues": ["-"]},
    {"name": "c", "type": "string", "constraints": {"enum": ["x", "y"], "required": True}},
    {"name": "d", "type": "string", "warn": {}},
    {"name": "e", "type": "date", "constraints": {"unique": True}},
]
VALUES = {
    "a": ["", "-", "1", "7", "70", "x", "3.0"],
    "b": ["", "-", "1", "7", "70", "x", "3.0"],
    "c": ["x", "y", "z", ""],
    "d": ["=1+1", "plain", "@x", "", "-5"],
    "e": [f"2020-0{n}-{d}" for n in range(1, 10) for d in (10, 31, 32)],
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    columns._KNOWN.clear()
    yield
    columns._KNOWN.clear()


@pytest.mark.parametrize("limit", [("_FEW", 0), ("_FEW_BYTES", 0), ("_MOST", 2)])
def test_remembered_or_not_the_report_is_the_same(
    run: Check, monkeypatch: pytest.MonkeyPatch, limit: tuple[str, int]
) -> None:
    rows = random.Random(5)
    lines = [",".join(rows.choice(VALUES[name]) for name in VALUES) for _ in range(3000)]
    text = "\n".join([",".join(VALUES), *lines, ""])
    whole = run({"a.csv": text}, FIELDS).as_dict()
    assert columns._KNOWN
    for bound in ("MIN_CHUNK", "MAX_CHUNK"):
        monkeypatch.setattr(room, bound, 2048)
    assert run({"a.csv": text}, FIELDS).as_dict() == whole
    monkeypatch.setattr(columns, *limit)
    assert run({"a.csv": text}, FIELDS).as_dict() == whole


def test_what_is_remembered_is_bounded(run: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_MOST", 100)
    monkeypatch.setattr(room, "MIN_CHUNK", 512)
    monkeypatch.setattr(room, "MAX_CHUNK", 512)
    run({"a.csv": "a\n" + "".join(f"{n}\n" for n in range(2000))}, [{"name": "a", "type": "any"}])
    assert all(len(known) <= 100 for known in columns._KNOWN.values())
