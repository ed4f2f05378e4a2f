"""One partition of both releases aligned: which records stayed, which left and which came.

Grain: the records of one partition. A hash of whole rows, seeded anew by each attempt, proposes
which are equal; then all that stayed are compared cell by cell and in order, so that a hash is
never believed. Records that stayed in another order (a child follows a date of its parent) are
moved: they come anew. Only records that did not stay are written, so all later work is on changes.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.changes.digests import ROW, Left, write_left
from epc_release.release.changes.reading import Part
from epc_release.release.spill import write_ipc

ATTEMPTS = 3  # an accident of 64 bits does not happen thrice under other seeds
TO = "to"
_NONE = -1

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class AlignTask:
    """The partition at ``position``: its two files, where it has them; ``target`` names what is
    written of it. ``key`` and ``buckets`` tell how records that did not stay are paired."""

    position: int
    old: Path | None
    new: Path | None
    key: tuple[str, ...]
    buckets: int
    target: Path


@dataclass(frozen=True)
class Aligned:
    """What did not stay: records that left the old file, and that came into the new one.

    ``moved`` is a file of records equal in both (``row`` of the old one, ``to`` of the new one).
    """

    position: int
    gone: Left | None
    come: Left | None
    moved: Path | None


def align(task: AlignTask) -> Aligned:
    """Run one partition. Raises ValueError where rows of equal hashes differ again and again."""
    old, new = Part(task.old), Part(task.new)
    for _ in range(ATTEMPTS):
        seed = secrets.randbits(63)
        found = _Alignment(_hashes(old, seed), _hashes(new, seed))
        if _same(_stayed(old, found.old_stays), _stayed(new, found.new_stays)):
            return _written(task, old, new, found)
    raise ValueError("rows of equal hashes are not equal")


def _hashes(part: Part, seed: int) -> Hashes:
    found = [rows.hash_rows(seed).to_numpy() for _, rows in part.frames()]
    return np.concatenate([np.empty(0, np.uint64), *found])


@dataclass(frozen=True)
class _Alignment:
    """What the hashes of two files propose."""

    old: Hashes
    new: Hashes

    @cached_property
    def partner(self) -> Places:
        """For each old row the new row of the same hash; the n-th copy has the n-th as partner."""
        by_old, by_new = (np.argsort(side, kind="stable") for side in (self.old, self.new))
        old, new = self.old[by_old], self.new[by_new]
        rows = np.arange(len(old))
        first = np.ones(len(old), np.bool_)
        first[1:] = old[1:] != old[:-1]
        copy = rows - np.maximum.accumulate(np.where(first, rows, 0))
        at = np.searchsorted(new, old) + copy
        there = at < len(new)
        there[there] = new[at[there]] == old[there]
        found = np.full(len(old), _NONE, np.int64)
        found[by_old[there]] = by_new[at[there]]
        return found

    @cached_property
    def moved(self) -> Places:
        """Rows of the old file, the fewest without which those that stayed have one order."""
        (rows,) = np.nonzero(self.partner != _NONE)
        return rows[~in_order(self.partner[rows])]

    @cached_property
    def old_stays(self) -> Mask:
        stays = self.partner != _NONE
        stays[self.moved] = False
        return np.asarray(stays)

    @cached_property
    def new_stays(self) -> Mask:
        stays = np.zeros(len(self.new), np.bool_)
        stays[self.partner[self.old_stays]] = True
        return stays


def in_order(numbers: Places) -> Mask:
    """Which of different numbers make the longest subsequence that only rises.

    What no other number contradicts is in every one of them; only the rest is searched.
    """
    if not len(numbers):
        return np.zeros(0, np.bool_)
    most = np.maximum.accumulate(numbers)
    least = np.minimum.accumulate(numbers[::-1])[::-1]
    kept = np.asarray((numbers == most) & (numbers == least))
    (others,) = np.nonzero(~kept)
    kept[others] = _longest_rise(numbers[others].tolist())
    return kept


def _longest_rise(numbers: list[int]) -> list[bool]:
    ends: list[int] = []  # the least end of a rise of each length
    lengths: list[int] = []
    for number in numbers:
        length = bisect_left(ends, number)
        ends[length : length + 1] = [number]
        lengths.append(length)
    kept = [False] * len(numbers)
    wanted = len(ends) - 1
    for at in range(len(numbers) - 1, -1, -1):
        if lengths[at] == wanted:
            kept[at], wanted = True, wanted - 1
    return kept


def _stayed(part: Part, stays: Mask) -> Iterator[pl.DataFrame]:
    for start, rows in part.frames():
        yield rows.filter(pl.Series(stays[start : start + rows.height]))


def _same(one: Iterator[pl.DataFrame], other: Iterator[pl.DataFrame]) -> bool:
    """Whether two streams hold the same rows, missing values equal to each other."""
    left, right = next(one, None), next(other, None)
    while left is not None and right is not None:
        rows = min(left.height, right.height)
        if not left[:rows].equals(right[:rows], null_equal=True):
            return False
        left, right = left[rows:], right[rows:]
        if not left.height:
            left = next(one, None)
        if not right.height:
            right = next(other, None)
    return not any(each is not None and each.height for each in (left, right, *one, *other))


def _written(task: AlignTask, old: Part, new: Part, found: _Alignment) -> Aligned:
    """Write what did not stay; moved records are known in both files, and not paired."""
    known = np.zeros(len(found.old), np.bool_)
    known[found.moved] = True
    arrived = np.zeros(len(found.new), np.bool_)
    arrived[found.partner[found.moved]] = True
    how = (task.key, task.buckets, task.target)
    gone = write_left(old, ~found.old_stays & ~known, known, *how, "old")
    come = write_left(new, ~found.new_stays & ~arrived, arrived, *how, "new")
    moved = task.target.with_suffix(".moved") if len(found.moved) else None
    if moved is not None:
        places = {ROW: found.moved, TO: found.partner[found.moved]}
        write_ipc(moved, pl.DataFrame(places).cast(pl.UInt32).to_arrow())
    return Aligned(task.position, gone, come, moved)
