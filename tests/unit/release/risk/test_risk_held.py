"""Rows that do not fit: those alike once, then buckets that no class crosses."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from epc_release.release.risk import held
from epc_release.release.risk.coders import Words
from epc_release.release.risk.held import Held, Stretch

ROW = 16


def rows_of(stretches: list[Stretch]) -> Counter[tuple[int, ...]]:
    """How often each combination of words is held."""
    found: Counter[tuple[int, ...]] = Counter()
    for stretch in stretches:
        times = [1] * stretch.rows if stretch.n is None else stretch.n.tolist()
        for words, n in zip(zip(*stretch.words, strict=True), times, strict=True):
            found[tuple(map(int, words))] += n
    return found


def batches(classes: int, rows: int) -> list[Words]:
    """Ten batches, of growing integer types, with the same values again and again."""
    numbers = np.arange(rows)
    made: list[Words] = []
    for batch in range(10):
        kind = np.uint8 if batch < 3 else np.uint16
        made.append(((numbers % classes).astype(kind), (numbers * 7 % 251).astype(kind)))
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "_PIECE", 500)


@pytest.mark.parametrize(("room", "classes", "files"), [(10**6, 200, 0), (4_000, 200, 64)])
def test_every_row_is_given_once_and_no_class_twice(
    tmp_path: Path, room: int, classes: int, files: int
) -> None:
    given: Counter[tuple[int, ...]] = Counter()
    with closing(Held(room, ROW, 1, tmp_path)) as store:
        for words in batches(classes, 240):
            given += rows_of([Stretch(words)])
            store.add(words)
        assert len(list(tmp_path.iterdir())) == files
        parts = [rows_of(part) for part in store.parts(ROW)]
    assert sum(parts, Counter()) == given
    in_parts = Counter(key for part in parts for key in {words[0] for words in part})
    assert set(in_parts.values()) == {1}
    assert list(tmp_path.iterdir()) == []


def test_rows_alike_are_held_once(tmp_path: Path) -> None:
    with closing(Held(20_000, ROW, 1, tmp_path)) as store:
        for words in batches(1, 240) * 20:
            store.add((words[0], words[0]))
        assert store.needed <= store.room
        (part,) = store.parts(ROW)
    assert sum(stretch.rows for stretch in part) < 4800 * 10 / 8
    assert rows_of(part) == {(0, 0): 48_000}


def test_a_class_larger_than_the_room_is_measured_from_what_is_distinct(tmp_path: Path) -> None:
    with closing(Held(3_000, ROW, 1, tmp_path)) as store:
        for number in range(100):
            store.add((np.zeros(50, np.uint8), np.arange(50, dtype=np.uint16) + number % 2 * 50))
        parts = [part for part in store.parts(ROW) if part]
    assert len(parts) == 1
    assert rows_of(parts[0]) == {(0, value): 50 for value in range(100)}
