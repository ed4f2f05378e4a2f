"""Executors: one seam, ``run(function, tasks)``, between the pipeline and where tasks run.

A task is a small picklable value; its function is idempotent, shares no memory and leaves its data
in files. So the same tasks give the same bytes wherever they run, and may run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs tasks; results come back in the order of completion, each with its task.

    Tasks are taken from the iterable only as there is room to run them, so that what a task needs
    on disk (a staged chunk) exists for few tasks at a time.
    """

    jobs: int

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Result]]: ...

    def close(self) -> None: ...


class SerialExecutor:
    """Every task in this process, one after another."""

    jobs = 1

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Result]]:
        for task in tasks:
            yield task, function(task)

    def close(self) -> None:
        """Nothing is held."""


def open_executor(name: str, jobs: int) -> Executor:
    """The executor of that name (``serial`` or ``local``); one job needs no pool."""
    if name == "serial" or jobs == 1:
        return SerialExecutor()
    from epc_release.release.execute.local import LocalExecutor

    return LocalExecutor(jobs)
