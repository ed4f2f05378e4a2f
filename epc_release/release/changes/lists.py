"""A list of changes as files: Parquet, and the same rows as CSV in gzip.

A file holds at most ``PART_ROWS`` rows. The same rows give the same bytes: rows are written in
blocks of one size, and gzip's header tells neither time nor name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import polars as pl
from zlib_ng import zlib_ng

from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.content import csv_header, csv_lines
from epc_release.manifests.facts import FileFacts
from epc_release.release.write.fragments import BLOCK_ROWS
from epc_release.release.write.parquet import ROW_GROUP_ROWS, open_part, to_arrow
from epc_release.release.write.sink import HashingSink
from epc_release.schemas.table import TableSchema

PART_ROWS = 8 * ROW_GROUP_ROWS
_LEVEL, _GZIP = 6, 31  # 31: zlib's own number for a gzip header and the largest window


@dataclass(frozen=True)
class ListFile:
    """One part of a list in both forms."""

    parquet: FileFacts
    csv: FileFacts


def write_list(
    root: Path, folder: str, schema: TableSchema, frames: Iterable[pl.DataFrame]
) -> tuple[ListFile, ...]:
    """Write ``folder/part-N.parquet`` and ``.csv.gz`` below ``root``; none without rows."""
    blocks = _blocks(frames)
    found: list[ListFile] = []
    block = next(blocks, None)
    while block is not None:
        target = arrow_schema(schema)
        stem, rows = f"{folder}/part-{len(found)}", 0
        with ExitStack() as until:
            part = until.enter_context(open_part(root, f"{stem}.parquet", target))
            text = until.enter_context(_Gzip(root, f"{stem}.csv.gz", schema.names))
            while block is not None and rows + block.height <= PART_ROWS:
                part.write(to_arrow(block, target))
                text.write(csv_lines(block.select(schema.names)).data)
                rows += block.height
                block = next(blocks, None)
        found.append(ListFile(part.facts(None), text.sink.facts(rows)))
    return tuple(found)


def _blocks(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows, ``BLOCK_ROWS`` at a time."""
    held: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        held.append(frame)
        rows += frame.height
        if rows >= BLOCK_ROWS:
            whole = pl.concat(held)
            full = rows - rows % BLOCK_ROWS
            yield from (whole[at : at + BLOCK_ROWS] for at in range(0, full, BLOCK_ROWS))
            held, rows = [whole[full:]], rows - full
    if rows:
        yield pl.concat(held)


@dataclass
class _Gzip:
    """A CSV in gzip that is being written."""

    root: Path
    path: str
    names: tuple[str, ...]
    sink: HashingSink = field(init=False)

    def __enter__(self) -> _Gzip:
        self.sink = HashingSink(self.root, self.path)
        self._stream = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, _GZIP)
        self.write(csv_header(self.names))
        return self

    def write(self, data: bytes | memoryview) -> None:
        self.sink.write(self._stream.compress(data))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.sink:
            if error is None:
                self.sink.write(self._stream.flush())
