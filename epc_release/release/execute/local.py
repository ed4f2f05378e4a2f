"""A pool of spawned processes on this machine."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from epc_release.errors import ReleaseError
from epc_release.release.execute import Result, Task

_PDEATHSIG = 1  # PR_SET_PDEATHSIG of prctl(2)
ATTEMPTS = 3  # of a task whose worker died; the third death is no accident

WORKERS = {  # what workers must find when they load their libraries (docs/adr/0021)
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads, for which nothing here has work
}


class LocalExecutor:
    """Spawned workers; the tasks of a worker that died are run again in a new pool.

    Raises E901 where tasks keep killing their worker (most often: out of memory).
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pool = self._open()

    def _open(self) -> ProcessPoolExecutor:
        os.environ["POLARS_MAX_THREADS"] = str(max(1, (os.cpu_count() or 1) // self.jobs))
        for name, value in WORKERS.items():
            os.environ.setdefault(name, value)
        return ProcessPoolExecutor(
            self.jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(os.getpid(),),
        )

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Result]]:
        waiting: dict[Future[Result], tuple[Task, int]] = {}
        source = iter(tasks)
        while True:
            while len(waiting) < self.jobs + 1 and (task := next(source, None)) is not None:
                waiting[self._submit(function, task)] = (task, 1)
            if not waiting:
                return
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            try:
                for future in done:
                    result = future.result()
                    yield waiting.pop(future)[0], result
            except BrokenProcessPool:
                waiting = self._again(function, waiting)

    def _submit(self, function: Callable[[Task], Result], task: Task) -> Future[Result]:
        """Hand out a task; where a worker has died meanwhile, it is lost like those handed out."""
        try:
            with _interrupts_put_off():
                return self._pool.submit(function, task)
        except BrokenProcessPool as broken:
            lost = Future[Result]()
            lost.set_exception(broken)
            return lost

    def _again(
        self, function: Callable[[Task], Result], lost: dict[Future[Result], tuple[Task, int]]
    ) -> dict[Future[Result], tuple[Task, int]]:
        if any(attempt == ATTEMPTS for _, attempt in lost.values()):
            raise ReleaseError("E901", attempts=ATTEMPTS)
        self._pool.shutdown(cancel_futures=True)
        self._pool = self._open()
        return {
            self._submit(function, task): (task, attempt + 1) for task, attempt in lost.values()
        }

    def close(self) -> None:
        """Stop at once: what is running is worth nothing after an error or an interruption."""
        workers = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Ctrl-C waits; a worker that is started meanwhile never gets one, not even while it loads."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(parent: int) -> None:
    """Ctrl-C is the driver's to handle; a worker whose driver is gone must not live on.

    Where the system can, it kills the worker with its driver: a build that is continued must not
    meet a task of before. Elsewhere the worker sees it within a second.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
