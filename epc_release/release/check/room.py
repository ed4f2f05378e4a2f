"""How much of a check fits where: chunks, buckets and jobs that follow from the memory setting."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from epc_release.release.source.model import Part

MIB: Final = 1 << 20
WORKER_BASE: Final = 200 * MIB  # bytes of a process before it has read anything
RAW: Final = 17  # a process's peak is about this many times its chunk where cells are one digit
PRINT: Final = 200  # bytes a print takes while copies are looked for
MIN_CHUNK, MAX_CHUNK = 2 * MIB, 30 * MIB  # glibc keeps blocks below 32 MiB for the next chunk
CHUNK_ROWS: Final = 1_000_000  # rows of a chunk, about: what a row takes besides its text adds up
MIN_ROWS: Final = 50_000  # prints of a bucket
MAX_BUCKETS: Final = 4096
CELL: Final = 8  # bytes of text a cell has at least on average, for the number of buckets
ALONE: Final = 256 * MIB  # of text; below this another process costs more than it gains


@dataclass(frozen=True)
class Room:
    """``chunk_bytes`` of text a task, ``bucket_rows`` prints at a time, ``buckets`` (2**n)."""

    jobs: int
    chunk_bytes: int
    bucket_rows: int
    buckets: int


def room(parts: Sequence[Part], memory: int, jobs: int | None) -> Room:
    """What fits into ``memory`` bytes; without ``jobs``, as many as gain something."""
    text = sum(part.text_bytes for part in parts)
    fitting = max(1, memory // (WORKER_BASE + MIN_CHUNK * RAW))
    used = jobs or (1 if text < ALONE else min(os.cpu_count() or 1, fitting))
    each = max(memory // used - WORKER_BASE, MIN_CHUNK * RAW)
    rows = sum(part.text_bytes // (CELL * max(1, len(part.header))) for part in parts)
    bucket_rows = max(MIN_ROWS, each // PRINT)
    buckets = 1
    while buckets < MAX_BUCKETS and rows > buckets * bucket_rows:
        buckets *= 2
    return Room(used, min(max(each // RAW, MIN_CHUNK), MAX_CHUNK), bucket_rows, buckets)


def chunk_bytes(found: Room, part: Part) -> int:
    """Bytes of text of a chunk of this part: fewer where its rows are short."""
    return min(found.chunk_bytes, max(MIN_CHUNK, CHUNK_ROWS * CELL * len(part.header)))
