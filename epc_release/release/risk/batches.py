"""Rows of the wanted columns, a batch at a time, in the order of files and rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.errors import ReleaseError
from epc_release.release.source import csv
from epc_release.release.source.location import LocalFile, check_unchanged, opened
from epc_release.release.source.model import Chunk, Part

ROWS: Final = 1 << 18  # of a batch of Parquet
CHUNK: Final = 8 << 20  # bytes of a batch of CSV
_UNREADABLE = (pa.ArrowException, OSError)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Batch:
    """``columns`` by name, all of ``rows`` rows; ``empty``: an empty text is a missing value.

    ``consumed``: about how many stored bytes of its file this batch takes.
    """

    columns: dict[str, Any]
    rows: int
    empty: bool
    consumed: int


def batches(
    part: Part, wanted: Sequence[str], coded: Collection[str], work: Path
) -> Iterator[Batch]:
    """The rows of a file. ``coded``: columns of text that are best read as dictionaries.

    Raises E207 to E216 and E230 where it cannot be read, E273 for a record of another length.
    """
    if part.kind == "parquet":
        return _parquet(part, wanted, coded)
    return _csv(part, wanted, coded, work)


def _parquet(part: Part, wanted: Sequence[str], coded: Collection[str]) -> Iterator[Batch]:
    with opened(part.location, part.name) as stream:
        try:
            schema = pq.ParquetFile(stream).schema_arrow
            texts = [n for n in wanted if n in coded and pa.types.is_string(schema.field(n).type)]
            mapped = isinstance(part.location, LocalFile)
            source: Any = part.location.path if isinstance(part.location, LocalFile) else stream
            file = pq.ParquetFile(source, read_dictionary=texts, memory_map=mapped)
            share = part.bytes / max(1, file.metadata.num_rows)
            for batch in file.iter_batches(ROWS, columns=list(wanted), use_threads=True):
                columns = {name: batch.column(name) for name in wanted}
                yield Batch(columns, batch.num_rows, False, int(batch.num_rows * share))
        except _UNREADABLE as error:
            raise ReleaseError("E230", file=part.name) from error
    check_unchanged(part.location, part.name)


def _csv(part: Part, wanted: Sequence[str], coded: Collection[str], work: Path) -> Iterator[Batch]:
    chunks = csv.chunks(part, work=work, chunk_bytes=CHUNK, limit=None, digests=None)
    plain = [name for name in wanted if name not in coded]

    def read(chunk: Chunk) -> tuple[Chunk, Any]:
        try:
            found = csv.read_chunk(chunk, wanted, plain)
            for row in found.ragged[:1]:
                line = csv.line_numbers(chunk, [row.record])[0]
                raise ReleaseError(
                    "E273", file=part.name, line=line, actual=row.actual, expected=row.expected
                )
            return chunk, found.table
        finally:
            chunk.discard()

    before = 0
    for chunk, table in _ahead(read, chunks):
        columns = {name: _one(table.column(name)) for name in wanted}
        yield Batch(columns, table.num_rows, True, chunk.consumed - before)
        before = chunk.consumed


def _one(column: Any) -> Any:
    found: Any = column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


def _ahead(task: Callable[[T], R], given: Iterable[T], threads: int = 2) -> Iterator[R]:
    """The results in order, of which so many are made at a time."""
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for one in given:
            waiting.append(pool.submit(task, one))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
