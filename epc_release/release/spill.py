"""Private files between the stages: sorted Arrow IPC with an index of its slices.

A spill holds one chunk's rows sorted by a label (a partition or a bucket); ``Slice`` says where a
label's rows stand. Categories stay dictionaries, so a spill is about a fifth of the CSV it came
from, and a range of rows is read without reading the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa

from epc_release.release.disk import private

BATCH_ROWS = 4096  # a range reads whole batches: small ones waste little, large ones are cheap


@dataclass(frozen=True)
class Slice:
    """Rows ``start`` to ``stop`` of a spill, all of one label (None: a missing value)."""

    label: str | None
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Spill:
    """A spill file and its slices, in the order of their rows."""

    path: Path
    slices: tuple[Slice, ...]

    @cached_property
    def places(self) -> Mapping[str | None, Slice]:
        """The slices by label."""
        return {part.label: part for part in self.slices}


def write_spill(path: Path, frame: pl.DataFrame, label: str, *, drop_label: bool = False) -> Spill:
    """Sort ``frame`` by the text column ``label`` (missing last) and write it, whole or not."""
    labels = frame[label].cast(pl.String)
    order = labels.arg_sort(nulls_last=True)
    ordered = frame[order]
    runs = labels.gather(order).rle().struct.unnest()
    table = (ordered.drop(label) if drop_label else ordered).to_arrow()
    write_ipc(path, table)
    slices, start = [], 0
    for length, value in runs.iter_rows():
        slices.append(Slice(value, start, start + length))
        start += length
    return Spill(path, tuple(slices))


def write_ipc(path: Path, table: pa.Table) -> None:
    """Write an Arrow IPC file of lz4 batches, mode 0600, through a temporary name."""
    temporary = path.with_name(path.name + ".part")
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with (
        open(temporary, "wb", opener=private) as sink,
        pa.ipc.new_file(sink, table.schema, options=options) as writer,
    ):
        for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            writer.write_batch(batch)
    temporary.replace(path)


def read_range(
    path: Path, start: int = 0, stop: int | None = None, columns: Collection[str] | None = None
) -> pl.DataFrame:
    """Rows ``start`` to ``stop`` of a spill as a frame (text of few values is Categorical).

    Only these ``columns``, in the order of the spill, where they are named.
    """
    with pa.memory_map(str(path)) as source:
        reader = _open(source, columns)
        first = start // BATCH_ROWS
        last = reader.num_record_batches if stop is None else -(-stop // BATCH_ROWS)
        batches = [reader.get_batch(i) for i in range(first, last)]
        table = pa.Table.from_batches(batches, reader.schema)
        wanted = None if stop is None else stop - start
        part = table.slice(start - first * BATCH_ROWS, wanted)
        if 2 * part.num_rows < table.num_rows:  # a slice would keep whole batches in memory
            part = part.take(pa.array(range(part.num_rows), pa.int64()))
        frame = pl.from_arrow(part)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a spill holds a table")
    return frame


def _open(source: pa.MemoryMappedFile, columns: Collection[str] | None) -> pa.RecordBatchFileReader:
    wanted = None
    if columns is not None:
        names = pa.ipc.open_file(source).schema.names
        wanted = [position for position, name in enumerate(names) if name in columns]
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted)
    return pa.ipc.open_file(source, options=options)


@dataclass(frozen=True)
class Range:
    """Rows ``start`` to ``stop`` of a spill."""

    path: Path
    start: int
    stop: int

    def read(self, columns: Collection[str] | None = None) -> pl.DataFrame:
        """The rows; only these columns where they are named."""
        return read_range(self.path, self.start, self.stop, columns)


def concat(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Frames of the same columns as one; a column that is text in one of them is text.

    Column by column: frames that nobody else holds are given up as they are joined, so that their
    rows are not in memory twice.
    """
    parts = [frame.get_columns() for frame in frames]
    made: list[pl.Series] = []
    while parts[0]:
        columns = [part.pop() for part in parts]
        if len({column.dtype == pl.String for column in columns}) == 2:
            columns = [column.cast(pl.String) for column in columns]
        made.append(pl.concat(columns, rechunk=True))
    return pl.DataFrame(made[::-1])
