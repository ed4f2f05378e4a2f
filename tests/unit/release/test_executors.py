"""Executors: every task's result comes back, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.execute import SerialExecutor, open_executor
from epc_release.release.execute.local import LocalExecutor


@dataclass(frozen=True)
class Work:
    number: int
    marker: Path


def double(task: Work) -> int:
    return task.number * 2


def die_once(task: Work) -> int:
    """The worker is killed the first time that any task runs."""
    if not task.marker.exists():
        task.marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.number * 2


def die(_: Work) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def fail(_: Work) -> int:
    raise ReleaseError("E108")


def tasks(folder: Path, count: int = 7) -> list[Work]:
    return [Work(number, folder / "marker") for number in range(count)]


def test_one_job_needs_no_pool() -> None:
    assert isinstance(open_executor("local", 1), SerialExecutor)
    assert isinstance(open_executor("serial", 4), SerialExecutor)


@pytest.mark.parametrize("function", [double, die_once])
def test_results_are_complete_even_when_a_worker_is_killed(
    tmp_path: Path, function: Callable[[Work], int]
) -> None:
    executor = LocalExecutor(2)
    try:
        found = {task.number: result for task, result in executor.run(function, tasks(tmp_path))}
    finally:
        executor.close()
    assert found == {number: number * 2 for number in range(7)}


def test_a_task_that_always_kills_its_worker_is_an_error(tmp_path: Path) -> None:
    executor = LocalExecutor(2)
    try:
        with pytest.raises(ReleaseError) as error:
            list(executor.run(die, tasks(tmp_path, 1)))
    finally:
        executor.close()
    assert error.value.problem.code == "E901"


def test_an_error_of_a_task_keeps_its_code(tmp_path: Path) -> None:
    executor = LocalExecutor(2)
    try:
        with pytest.raises(ReleaseError) as error:
            list(executor.run(fail, tasks(tmp_path, 1)))
    finally:
        executor.close()
    assert error.value.problem.code == "E108"


def test_tasks_are_taken_only_as_there_is_room(tmp_path: Path) -> None:
    taken: list[int] = []

    def source() -> Iterator[Work]:
        for task in tasks(tmp_path, 20):
            taken.append(task.number)
            yield task

    executor = LocalExecutor(2)
    try:
        results = executor.run(double, source())
        next(results)
        assert len(taken) <= 5
        assert len(list(results)) == 19
    finally:
        executor.close()


def test_workers_that_die_while_no_task_is_handed_out(tmp_path: Path) -> None:
    executor = LocalExecutor(2)

    def source() -> Iterator[Work]:
        for task in tasks(tmp_path):
            if task.number == 5:
                workers = list((executor._pool._processes or {}).values())
                for worker in workers:
                    worker.kill()
                for worker in workers:
                    worker.join()
                time.sleep(0.5)  # until the pool has seen it
            yield task

    try:
        found = {task.number: result for task, result in executor.run(double, source())}
    finally:
        executor.close()
    assert found == {number: number * 2 for number in range(7)}
