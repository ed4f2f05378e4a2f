"""Everything between a user's ``--source`` arguments and chunks of raw records.

``discover`` lists the parts, ``chunks`` cuts them on the driver, ``read_chunk`` parses one chunk in
a task, ``line_numbers`` and ``raw_records`` look up the records that were rejected, and
``check_control`` compares what was read with what the control file promised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from epc_release.costs import spent
from epc_release.release.source import csv, parquet
from epc_release.release.source.control import check_control
from epc_release.release.source.discover import discover
from epc_release.release.source.model import (
    Chunk,
    Control,
    FileDigest,
    Inventory,
    Part,
    RaggedRow,
    RawTable,
    SourceSpec,
    ZipLimits,
)
from epc_release.release.source.stream import Digests, digest_whole

__all__ = [
    "Chunk",
    "Control",
    "Digests",
    "FileDigest",
    "Inventory",
    "Part",
    "RaggedRow",
    "RawTable",
    "SourceSpec",
    "ZipLimits",
    "check_control",
    "chunks",
    "discover",
    "line_numbers",
    "raw_records",
    "read_chunk",
]


def chunks(
    parts: Iterable[Part],
    *,
    work: Path,
    chunk_bytes: int,
    limit: int | None = None,
    digests: Digests | None = None,
) -> Iterator[Chunk]:
    """The records of ``parts`` in chunks of about ``chunk_bytes`` bytes of text, numbered from 0.

    Lazy: a staged file is written when its chunk is asked for, and is the consumer's to delete
    (``Chunk.discard``). ``limit`` is the most records of all parts together. ``digests`` gets size
    and sha256 of each stored file, by ``Part.file``, once it has been read to its end. Raises
    ReleaseError E201, E207, E210 to E224, E230 and E25x; OSError where ``work`` cannot be written.
    """
    number, left = 0, limit
    for part in parts:
        if left == 0:
            return
        if part.kind == "zip":
            digest_whole(part, digests)
        cut = parquet.chunks if part.kind == "parquet" else csv.chunks
        for chunk in cut(part, work=work, chunk_bytes=chunk_bytes, limit=left, digests=digests):
            yield replace(chunk, number=number)
            number += 1
            if left is not None:
                left -= chunk.records or 0


@spent("parse")
def read_chunk(
    chunk: Chunk, wanted: Collection[str] | None = None, plain: Collection[str] = ()
) -> RawTable:
    """Parses one chunk into text columns with our names, in the order of the header.

    ``wanted`` are the names to read (default: all that are taken on), ``plain`` those to read as
    ``string``; all others are ``dictionary<int32, string>``. Raises ReleaseError E207, E210, E213,
    E216, E230 and E232.
    """
    read = parquet.read_chunk if chunk.part.kind == "parquet" else csv.read_chunk
    return read(chunk, wanted, plain)


def line_numbers(chunk: Chunk, records: Sequence[int]) -> list[int]:
    """Where these records of a chunk (from 0) begin: physical lines, of Parquet row numbers."""
    if chunk.part.kind == "parquet":
        return [chunk.first_line + record for record in records]
    return csv.line_numbers(chunk, records)


def raw_records(chunk: Chunk, records: Sequence[int]) -> list[str]:
    """The text of these records of a chunk (from 0) as it stands; of Parquet, as CSV."""
    if chunk.part.kind == "parquet":
        return parquet.raw_records(chunk, records)
    return csv.raw_records(chunk, records)
