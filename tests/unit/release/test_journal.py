"""The journal: a task whose result is written is never run again, one that was cut off is."""

from __future__ import annotations

import stat
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.execute import SerialExecutor
from epc_release.release.journal import Journal, Journaled, task_key


def double(number: int) -> int:
    RAN.append(number)
    return 2 * number


def triple(number: int) -> int:
    return 3 * number


RAN: list[int] = []


def run(path: Path, tasks: list[int], stop: int | None = None) -> dict[int, int]:
    """Results, as far as they came before ``stop`` of them."""
    found: dict[int, int] = {}
    with closing(Journal(path)) as journal:
        for task, result in Journaled(SerialExecutor(), journal).run(double, tasks):
            found[task] = result
            journal.commit()
            if len(found) == stop:
                break
    return found


def test_only_what_is_not_done_is_run(tmp_path: Path) -> None:
    RAN.clear()
    path = tmp_path / "journal"
    assert run(path, [1, 2, 3], stop=2) == {1: 2, 2: 4}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(path, [1, 2, 3]) == {1: 2, 2: 4, 3: 6}
    assert RAN == [1, 2, 3]
    with closing(Journal(path)) as journal:  # another function's task is another task
        assert dict(Journaled(SerialExecutor(), journal).run(triple, [1])) == {1: 3}


@given(cut=st.integers(0, 200), noise=st.binary(max_size=40))
def test_wherever_it_was_cut_off(cut: int, noise: bytes) -> None:
    """Whole records before the cut count; what follows them is written over."""
    RAN.clear()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        run(path, [1, 2, 3])
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) - min(cut, len(whole))] + noise)
        assert run(path, [1, 2, 3]) == {1: 2, 2: 4, 3: 6}
        assert path.read_bytes() == whole
        ran = len(RAN)
        assert run(path, [1, 2, 3]) == {1: 2, 2: 4, 3: 6}
        assert len(RAN) == ran


@dataclass(frozen=True)
class Several:
    names: frozenset[str]
    shared: tuple[tuple[str, ...], ...]


def test_equal_tasks_have_equal_keys_whatever_they_share() -> None:
    one = ("a", "b")
    names = [f"name {n}" for n in range(50)]
    keys = {
        task_key(double, Several(frozenset(names), (one, one))),
        task_key(double, Several(frozenset(reversed(names)), (one, tuple(iter(one))))),
    }
    assert len(keys) == 1
    assert task_key(double, Several(frozenset(names), (one,))) not in keys
    assert task_key(triple, Several(frozenset(names), (one, one))) not in keys
    assert task_key(double, np.array([1])) != task_key(double, np.array([2]))
