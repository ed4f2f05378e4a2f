"""One partition of both releases, read side by side: what stayed is compared cell by cell.

Grain: the records of one partition. Those that stayed must be equal and stand in the same order,
so that who has the old file needs only what is new; equal digests alone are not believed. Records
that stayed in another order (a child follows a date of its parent) are moved: they come anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.changes.digests import BATCH_ROWS, RECORD, ROW, frames, record_digests
from epc_release.release.changes.pairs import OTHER_PART, OTHER_ROW
from epc_release.release.spill import Spill, read_range, write_ipc, write_spill

WINDOW = "window"
AT_PART, AT_ROW = "__part", "__row"  # where a record comes to stand in the new release
FROM_PART, FROM_ROW = "__from_part", "__from_row"
_PLACES = {ROW: pl.UInt32, OTHER_PART: pl.Int32, OTHER_ROW: pl.UInt32}


@dataclass(frozen=True)
class Piece:
    """Rows of a spill."""

    path: Path
    start: int
    stop: int


@dataclass(frozen=True)
class StreamTask:
    """The partition at ``position``: its two files, where it has them, and what was paired."""

    position: int
    old: Path | None
    new: Path | None
    gone: tuple[Piece, ...]
    come: tuple[Piece, ...]
    target: Path


@dataclass(frozen=True)
class Streamed:
    """What the partition has for the lists of changes.

    ``old`` and ``new`` are spills of whole records by window of the place that they come to:
    ``old`` as they were (of changed ones), ``new`` as they are. ``removed`` has the rows (UInt32)
    that are in the new release no more.
    """

    position: int
    old: tuple[Spill, ...]
    new: tuple[Spill, ...]
    removed: Path | None


def stream(task: StreamTask) -> Streamed:
    """Run one partition. Raises ValueError where rows of equal digests differ."""
    gone, come = _places(task.gone), _places(task.come)
    found = _passed(task, gone, come)
    if found is None:
        moved = _moved(task, gone, come)
        away = moved.select(
            ROW, pl.lit(task.position, pl.Int32).alias(OTHER_PART), pl.col("to").alias(OTHER_ROW)
        )
        here = away.select(pl.col(OTHER_ROW).alias(ROW), OTHER_PART, pl.col(ROW).alias(OTHER_ROW))
        gone, come = (pl.concat(each).sort(ROW) for each in ((gone, away), (come, here)))
        found = _passed(task, gone, come)
    if found is None:
        raise ValueError("rows of equal digests are not equal")
    return found


def _places(pieces: tuple[Piece, ...]) -> pl.DataFrame:
    parts = [read_range(each.path, each.start, each.stop).select(*_PLACES) for each in pieces]
    return pl.concat([pl.DataFrame(schema=_PLACES), *parts]).sort(ROW)


def _passed(task: StreamTask, gone: pl.DataFrame, come: pl.DataFrame) -> Streamed | None:
    """Read both files once; None where what stayed is not the same in both."""
    changed = gone.filter(pl.col(OTHER_PART).is_not_null())
    old = _Side(task.target.with_suffix(".old"), task.old, gone, changed)
    new = _Side(task.target.with_suffix(".new"), task.new, come, come)
    if not _equal(old.stayed(AT_PART, AT_ROW), new.stayed(FROM_PART, FROM_ROW, task.position)):
        return None
    removed = gone.filter(pl.col(OTHER_PART).is_null()).select(ROW)
    path = task.target.with_suffix(".removed") if len(removed) else None
    if path is not None:
        write_ipc(path, removed.to_arrow())
    return Streamed(task.position, old.done(), new.done(), path)


class _Side:
    """One file: what stayed is passed on, ``wanted`` rows of what did not are spilt by window."""

    def __init__(
        self, target: Path, file: Path | None, others: pl.DataFrame, wanted: pl.DataFrame
    ) -> None:
        self._target, self._file, self._others, self._wanted = target, file, others, wanted
        self._held: list[pl.DataFrame] = []
        self._spills: list[Spill] = []

    def stayed(self, part: str, row: str, at: int | None = None) -> Iterator[pl.DataFrame]:
        """The rows that stayed. Others get ``part`` and ``row``, their places on the other side.

        ``at`` is the partition that rows come to where the place is this side's own.
        """
        if self._file is None:
            return
        for start, rows in frames(self._file):
            others = _within(self._others, start, rows.height)
            if not len(others):
                yield rows
                continue
            wanted = _within(self._wanted, start, rows.height)
            picked = rows[wanted[ROW]].with_columns(
                wanted[OTHER_PART].alias(part), wanted[OTHER_ROW].alias(row)
            )
            if at is not None:
                own = (wanted[ROW] + start).cast(pl.UInt32).alias(AT_ROW)
                picked = picked.with_columns(pl.lit(at, pl.Int32).alias(AT_PART), own)
            self._hold(picked)
            numbers = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
            yield rows.filter(~numbers.is_in(others[ROW].implode()))

    def _hold(self, picked: pl.DataFrame) -> None:
        if len(picked):
            self._held.append(picked)
            if sum(len(each) for each in self._held) >= BATCH_ROWS:
                self._spill()

    def _spill(self) -> None:
        label = pl.format("{}:{}", AT_PART, pl.col(AT_ROW) // BATCH_ROWS).alias(WINDOW)
        rows = pl.concat(self._held).with_columns(label)
        self._held.clear()
        path = self._target.with_name(f"{self._target.name}-{len(self._spills)}")
        self._spills.append(write_spill(path, rows, WINDOW, drop_label=True))

    def done(self) -> tuple[Spill, ...]:
        if self._held:
            self._spill()
        return tuple(self._spills)


def _within(places: pl.DataFrame, start: int, rows: int) -> pl.DataFrame:
    """The places of one batch, by their rows in it."""
    low = int(places[ROW].search_sorted(start))
    high = int(places[ROW].search_sorted(start + rows))
    return places[low:high].with_columns(pl.col(ROW) - start)


def _equal(one: Iterator[pl.DataFrame], other: Iterator[pl.DataFrame]) -> bool:
    """Whether two streams hold the same rows, missing values equal to each other.

    Both are read to their end: what they leave beside them is complete then.
    """
    left, right, same = next(one, None), next(other, None), True
    while left is not None and right is not None:
        rows = min(left.height, right.height)
        same = same and left[:rows].equals(right[:rows], null_equal=True)
        left, right = left[rows:], right[rows:]
        if not left.height:
            left = next(one, None)
        if not right.height:
            right = next(other, None)
    rest = [left, right, *one, *other]
    return same and not any(each is not None and each.height for each in rest)


def _moved(task: StreamTask, gone: pl.DataFrame, come: pl.DataFrame) -> pl.DataFrame:
    """The fewest records (``row`` in the old file, ``to`` in the new one) without which those that
    stayed have one order."""
    old, new = (
        _stayed_digests(file, others) for file, others in ((task.old, gone), (task.new, come))
    )
    number = pl.int_range(pl.len(), dtype=pl.UInt32).over(*RECORD).alias("copy")
    by = [*RECORD, "copy"]
    both = (
        old.with_columns(number)
        .join(new.with_columns(number).rename({ROW: "to"}), on=by)
        .select(ROW, "to")
        .sort(ROW)
    )
    kept = pl.Series(_longest_rise(both["to"].to_list()), dtype=pl.Boolean)
    return both.filter(~kept)


def _stayed_digests(file: Path | None, others: pl.DataFrame) -> pl.DataFrame:
    schema = {ROW: pl.UInt32, **dict.fromkeys(RECORD, pl.UInt64)}
    found = [pl.DataFrame(schema=schema)]
    for start, rows in frames(file) if file else ():
        numbers = pl.int_range(start, start + rows.height, dtype=pl.UInt32, eager=True)
        found.append(record_digests(rows).select(numbers.alias(ROW), *RECORD))
    return pl.concat(found).join(others, on=ROW, how="anti", maintain_order="left")


def _longest_rise(numbers: list[int]) -> list[bool]:
    """Which of them make the longest subsequence that only rises."""
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
