"""CPU seconds of named parts of the work, wherever in the code they are done.

``with spent("mask_text"): ...`` adds to what this process has spent on that part; whoever runs
tasks takes the sums away with ``taken`` and adds them up (:mod:`epc_release.release.profile`).
A part within another counts in both.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_SPENT: Counter[str] = Counter()


@contextmanager
def spent(part: str) -> Iterator[None]:
    """Count the CPU seconds of this process (all its threads) until the block ends."""
    started = time.process_time()
    try:
        yield
    finally:
        _SPENT[part] += time.process_time() - started  # type: ignore[assignment]


def taken() -> dict[str, float]:
    """What was spent since it was last asked."""
    found: dict[str, float] = dict(_SPENT)
    _SPENT.clear()
    return found
