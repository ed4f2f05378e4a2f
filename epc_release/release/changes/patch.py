"""One partition made new: the old file less what is gone, with what comes at its rows.

Grain: the records of one partition. Conserves rows: old - gone + come = new. The content is hashed
while it is written, as the new release hashed it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.errors import ReleaseError
from epc_release.manifests.changes import State
from epc_release.manifests.columns import SCHEMA_KEY, arrow_schema
from epc_release.manifests.content import csv_lines
from epc_release.manifests.contents import WHOLE, Contents
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.release.changes.reading import FRAME_ROWS, Part, read_rows
from epc_release.release.changes.records import NEW_ROW, OLD_PARTITION, OLD_ROW
from epc_release.release.write.fragments import BLOCK_ROWS
from epc_release.release.write.parquet import open_part, to_arrow


@dataclass(frozen=True)
class PatchTask:
    """One partition of ``table``: ``old`` is its file (None: there is none yet), ``after`` what it
    must become, written below ``root``.

    ``gone`` and ``come`` are the Parquet lists of the table, ``value`` the partition, and ``first``
    and ``rows`` say where the records that come stand in the lists together.
    """

    changes: str
    release: str
    table: DescribedTable
    value: str | None
    old: Path | None
    gone: Path
    come: tuple[Path, ...]
    first: int
    rows: int
    after: State
    sorted_by: tuple[str, ...]
    root: Path


def patch(task: PatchTask) -> FileFacts:
    """Run one partition. Raises E743 where it does not become what it must."""
    table = task.table
    identity = {SCHEMA_KEY: table.schema_id.encode()}
    target = arrow_schema(table.schema).with_metadata(identity)
    contents = Contents(table.csv_names, by_year=False)
    try:
        with open_part(task.root, task.after.path, target, sorted_by=task.sorted_by) as part:
            for block in _blocks(_Merge(task)):
                part.write(to_arrow(block, target))
                contents.add(None, csv_lines(block.select(table.csv_names)), None)
    except (ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise _other(task) from error
    made = contents.at(WHOLE)
    if (made.sha256, made.rows) != (task.after.content_sha256, task.after.rows):
        raise _other(task)
    return part.facts(made.sha256)


def _other(task: PatchTask) -> ReleaseError:
    return ReleaseError("E743", changes=task.changes, path=task.after.path, release=task.release)


def _blocks(merge: _Merge) -> Iterator[pl.DataFrame]:
    for start in range(0, merge.rows, BLOCK_ROWS):
        yield merge.block(start, min(start + BLOCK_ROWS, merge.rows))


class _Merge:
    """The new partition's rows in order, from two streams."""

    def __init__(self, task: PatchTask) -> None:
        self.rows, self._names = task.after.rows, task.table.schema.names
        self._stays = _Stream(_stays(task), self._names)
        self._comes = _Stream(_comes(task), (NEW_ROW, *self._names))

    def block(self, start: int, stop: int) -> pl.DataFrame:
        """Rows ``start`` to ``stop``; ValueError where there are too few, or two for one place."""
        come = self._comes.take_while(NEW_ROW, stop)
        places = come[NEW_ROW]
        if not places.is_between(start, stop - 1).all() or places.is_duplicated().any():
            raise ValueError("a row comes to no place of its own")
        numbers = pl.int_range(start, stop, eager=True)
        free = numbers.filter(~numbers.is_in(places.implode()))
        stay = self._stays.take(len(free)).with_columns(free.alias(NEW_ROW))
        both = pl.concat([side.select(NEW_ROW, *self._names) for side in (stay, come) if len(side)])
        return both.sort(NEW_ROW).select(self._names)


class _Stream:
    """Frames that are taken by rows."""

    def __init__(self, source: Iterator[pl.DataFrame], names: tuple[str, ...]) -> None:
        self._source, self._names = source, names
        self._held: pl.DataFrame | None = next(source, None)

    def take(self, rows: int) -> pl.DataFrame:
        """Exactly so many rows; ValueError where they are not there."""
        found: list[pl.DataFrame] = []
        while rows:
            if self._held is None:
                raise ValueError("the old file has too few rows")
            piece, self._held = self._held[:rows], self._held[rows:]
            found.append(piece)
            rows -= len(piece)
            if not len(self._held):
                self._held = next(self._source, None)
        return pl.concat(found).select(self._names) if found else self._none()

    def take_while(self, column: str, below: int) -> pl.DataFrame:
        """The next rows of which ``column`` (ascending) is less than ``below``."""
        found: list[pl.DataFrame] = []
        while self._held is not None:
            count = int((self._held[column] < below).sum())
            found.append(self._held[:count])
            self._held = self._held[count:]
            if len(self._held):
                break
            self._held = next(self._source, None)
        return pl.concat(found).select(self._names) if found else self._none()

    def _none(self) -> pl.DataFrame:
        return pl.DataFrame(schema=dict.fromkeys(self._names, pl.Int64))


def _stays(task: PatchTask) -> Iterator[pl.DataFrame]:
    """The rows of the old file that are not gone."""
    if task.old is None:
        return
    gone = gone_rows(task.gone, task.value)
    for start, rows in Part(task.old).frames():
        low, high = gone.search_sorted(start), gone.search_sorted(start + rows.height)
        here = np.ones(rows.height, np.bool_)
        here[(gone[low:high] - start).to_numpy()] = False
        stays = rows.filter(pl.Series(here))
        if len(stays):
            yield stays


def _comes(task: PatchTask) -> Iterator[pl.DataFrame]:
    """The records that come into this partition."""
    skip, left = task.first, task.rows
    for file in task.come:
        held = pq.read_metadata(file).num_rows
        while left and skip < held:
            mine = read_rows(file, skip, min(left, FRAME_ROWS))
            yield mine.drop(OLD_PARTITION, OLD_ROW)
            skip, left = skip + mine.height, left - mine.height
        skip -= held


def gone_rows(file: Path, value: str | None) -> pl.Series:
    """The rows (Int64, ascending) of the partition ``value`` that a prepared list has."""
    same = pl.col(OLD_PARTITION).eq_missing(pl.lit(value, pl.String))
    return pl.scan_ipc(file).filter(same).select(OLD_ROW).collect().to_series().sort()
