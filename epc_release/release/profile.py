"""What a build costs: CPU, wall clock and bytes stage by stage, and the memory of all processes.

An executor that is ``profiled`` measures each task where it runs; what the driver does between
tasks is the rest of its own CPU time. The figures go to the private report and, with ``--profile``,
to the terminal; none of them is in a release, whose bytes hold no duration.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from epc_release import costs
from epc_release.release.execute import Executor, Result, Task

EVERY = 0.1  # seconds between two looks at memory
_PROC = Path("/proc")


@dataclass(frozen=True)
class Cost:
    """Of one task: CPU and wall seconds, bytes that its process read and wrote, and its parts."""

    cpu: float
    wall: float
    read: int
    written: int
    parts: dict[str, float]


@dataclass(frozen=True)
class _Measured(Generic[Task, Result]):
    """A task's function that gives its cost as well."""

    function: Callable[[Task], Result]

    def __call__(self, task: Task) -> tuple[Result, Cost]:
        costs.taken()
        cpu, wall, (read, written) = time.process_time(), time.monotonic(), _moved()
        result = self.function(task)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        read, written = (
            after - before for after, before in zip(_moved(), (read, written), strict=True)
        )
        return result, Cost(cpu, wall, read, written, costs.taken())


def _moved() -> tuple[int, int]:
    """Bytes that this process has read and written so far; zeros where the system does not say."""
    try:
        lines = (_PROC / "self" / "io").read_text("ascii").splitlines()
    except OSError:
        return 0, 0
    found = dict(line.split(": ") for line in lines)
    return int(found["rchar"]), int(found["wchar"])


@dataclass
class Stage:
    """All tasks of one function: how many, CPU seconds, wall seconds from the first to the last,
    bytes read and written."""

    tasks: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    read: int = 0
    written: int = 0


@dataclass
class Profile:
    """Sums of a build. ``parts`` are CPU seconds within stages; ``peak`` is the largest sum of
    anonymous memory over the driver and its workers, in bytes (0 where the system does not say)."""

    stages: dict[str, Stage] = field(default_factory=dict)
    parts: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    cpu: float = 0.0
    wall: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For the private report: seconds and bytes, rounded to what they are worth."""
        return {
            "cpu": round(self.cpu, 2),
            "wall": round(self.wall, 2),
            "busy_cores": round(self.cpu / self.wall, 2) if self.wall else None,
            "peak": self.peak,
            "stages": {
                name: {
                    "tasks": stage.tasks,
                    "cpu": round(stage.cpu, 2),
                    "wall": round(stage.wall, 2),
                    "read": stage.read,
                    "written": stage.written,
                }
                for name, stage in self.stages.items()
            },
            "parts": {name: round(cpu, 2) for name, cpu in self.parts.most_common()},
        }


class Profiled:
    """An executor that measures the tasks of another one."""

    def __init__(self, inner: Executor, profile: Profile) -> None:
        self.inner, self.jobs, self.profile = inner, inner.jobs, profile

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Result]]:
        stage = self.profile.stages.setdefault(function.__name__, Stage())
        started = time.monotonic()
        for task, (result, cost) in self.inner.run(_Measured(function), tasks):
            stage.tasks += 1
            stage.cpu += cost.cpu
            stage.read += cost.read
            stage.written += cost.written
            self.profile.parts.update(cost.parts)
            yield task, result
        stage.wall += time.monotonic() - started

    def close(self) -> None:
        self.inner.close()


@contextmanager
def profiling() -> Iterator[Profile]:
    """Watch this process and those that it starts; the sums are whole when the block has ended."""
    profile, watch = Profile(), _Watch()
    costs.taken()
    cpu, wall = time.process_time(), time.monotonic()
    watch.start()
    try:
        yield profile
    finally:
        watch.stop()
        profile.parts.update(costs.taken())
        profile.cpu = time.process_time() - cpu + sum(watch.cpu.values())
        profile.wall = time.monotonic() - wall
        profile.peak = watch.peak


class _Watch(threading.Thread):
    """Looks at the processes that this one has started: the memory of all, the CPU of each."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.cpu: dict[int, float] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(EVERY):
            self._look()

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def _look(self) -> None:
        pids = list(_started(os.getpid()))
        self.peak = max(self.peak, sum(map(_anonymous, [os.getpid(), *pids])))
        for pid in pids:
            self.cpu[pid] = max(self.cpu.get(pid, 0.0), _cpu(pid))


def _started(pid: int) -> Iterator[int]:
    """The processes that ``pid`` started and they in turn."""
    for file in (_PROC / str(pid) / "task").glob("*/children"):
        for child in map(int, _read(file).split()):
            yield child
            yield from _started(child)


def _anonymous(pid: int) -> int:
    """Bytes of memory that no file stands for."""
    for line in _read(_PROC / str(pid) / "status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu(pid: int) -> float:
    """Seconds of user and system time."""
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""  # it has ended, or the system has no such file
