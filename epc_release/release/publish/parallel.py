"""Work on many things at once with threads; the first failure stops what has not begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Iterable[T], workers: int) -> list[R]:
    """``work`` on every item; results in the order of the items."""
    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(work, item) for item in items]
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def guarded(tell: Callable[[int], None]) -> Callable[[int], None]:
    """``tell``, called by one thread at a time."""
    lock = threading.Lock()

    def told(number: int) -> None:
        with lock:
            tell(number)

    return told
