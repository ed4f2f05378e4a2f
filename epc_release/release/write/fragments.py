"""CSV compressed once: a fragment per partition and year, which every archive then shares.

A fragment is a raw deflate stream (RFC 1951) that begins without history and ends with a sync
flush, so it ends at a byte and does not end the stream. Fragments can therefore be concatenated in
any order; :data:`END` closes the stream, and the CRC-32s are combined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import polars as pl
from zlib_ng import zlib_ng

from epc_release.costs import spent
from epc_release.manifests.content import csv_header, csv_lines

END = b"\x03\x00"  # an empty last block
LEVEL = 5  # of zlib-ng: the size of zlib's 6 (within 1 %)
BLOCK_ROWS = 30_720  # rows serialised at a time: a quarter of a Parquet row group
STEP_BYTES = 1 << 20  # bytes compressed at a time; part of the format, since it shapes the bytes


class Compressor(Protocol):
    """A deflate stream, as ``zlib.compressobj`` makes it."""

    def compress(self, data: bytearray, /) -> bytes: ...
    def flush(self, mode: int, /) -> bytes: ...


@dataclass(frozen=True)
class Fragment:
    """One year's records of a partition in a fragment store.

    ``offset`` and ``length`` are bytes in the store, ``crc32`` and ``raw_bytes`` are of the
    uncompressed records; ``rows`` counts them.
    """

    year: str
    offset: int
    length: int
    crc32: int
    raw_bytes: int
    rows: int


@dataclass(frozen=True)
class PartitionCsv:
    """A partition's compressed CSV: ``value`` of the partition column, file of its fragments.

    ``content_sha256`` is of the uncompressed CSV, header included.
    """

    value: str | None
    store: str
    fragments: tuple[Fragment, ...]
    content_sha256: str

    @property
    def rows(self) -> int:
        return sum(fragment.rows for fragment in self.fragments)


@dataclass(frozen=True)
class Run:
    """Rows ``start`` to before ``stop`` of a sorted frame: one year of one partition."""

    value: str | None
    year: str
    start: int
    stop: int


def compress_partitions(
    blocks: Iterable[pl.DataFrame],
    names: Sequence[str],
    runs: Sequence[Run],
    sink: BinaryIO,
    *,
    store: str,
    level: int = LEVEL,
) -> list[PartitionCsv]:
    """Serialise neighbouring partitions once; append their fragments to ``sink`` (file ``store``).

    ``blocks`` are the sorted rows from the first run's start on, piece by piece. ``names`` are the
    columns of the CSV (those of Parquet less the inherited ones), in order. ``runs`` cover the rows
    without gap, a partition's years together. Raises ValueError where they do not, or where a value
    has no canonical CSV.
    """
    _check_cover(runs)
    header = csv_header(tuple(names))
    made: list[PartitionCsv] = []
    found: list[Fragment] = []
    fragment: _Open | None = None
    content = hashlib.sha256(header)
    for index, data, rows in _pieces((block.select(names) for block in blocks), runs):
        run = runs[index]
        fragment = fragment or _Open(run.year, sink, level)
        with spent("sha256"):
            content.update(data)
        fragment.add(data, rows)
        if fragment.rows == run.stop - run.start:
            found.append(fragment.close())
            fragment = None
            if index + 1 == len(runs) or runs[index + 1].value != run.value:
                made.append(PartitionCsv(run.value, store, tuple(found), content.hexdigest()))
                found, content = [], hashlib.sha256(header)
    if fragment is not None or sum(part.rows for part in made) != _rows(runs):
        raise ValueError("the runs do not cover the rows")
    return made


def _rows(runs: Sequence[Run]) -> int:
    return runs[-1].stop - runs[0].start if runs else 0


def _check_cover(runs: Sequence[Run]) -> None:
    at = runs[0].start if runs else 0
    for run in runs:
        if run.start != at or run.stop <= run.start:
            raise ValueError("the runs do not cover the rows in order")
        at = run.stop


def _pieces(
    blocks: Iterable[pl.DataFrame], runs: Sequence[Run]
) -> Iterator[tuple[int, memoryview, int]]:
    """(position of the run, its bytes, their rows), serialised a block of rows at a time."""
    index, first = 0, runs[0].start if runs else 0
    for block in blocks:
        for offset in range(0, block.height, BLOCK_ROWS):
            lines = csv_lines(block.slice(offset, BLOCK_ROWS))
            at, end = first, first + len(lines.ends)
            while at < end:
                if index == len(runs):
                    raise ValueError("the runs do not cover the rows")
                stop = min(runs[index].stop, end)
                yield index, lines.rows(at - first, stop - first), stop - at
                index += stop == runs[index].stop
                at = stop
            first = end


class _Open:
    """A fragment that is being written.

    The compressor is fed in steps of a fixed size, counted from the fragment's first byte, so that
    its bytes do not depend on the blocks in which the rows were serialised.
    """

    def __init__(self, year: str, sink: BinaryIO, level: int) -> None:
        self.rows = 0
        self._sink, self._offset = sink, sink.tell()
        self._year, self._length, self._crc, self._raw = year, 0, 0, 0
        self._pending = bytearray()
        self._deflate: Compressor = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)

    @spent("deflate")
    def add(self, data: memoryview, rows: int) -> None:
        self._crc = zlib_ng.crc32(data, self._crc)
        self._raw += len(data)
        self.rows += rows
        self._pending += data
        whole = len(self._pending) // STEP_BYTES * STEP_BYTES
        for start in range(0, whole, STEP_BYTES):
            self._put(self._deflate.compress(self._pending[start : start + STEP_BYTES]))
        del self._pending[:whole]

    @spent("deflate")
    def close(self) -> Fragment:
        self._put(self._deflate.compress(self._pending))
        self._put(self._deflate.flush(zlib_ng.Z_SYNC_FLUSH))
        return Fragment(self._year, self._offset, self._length, self._crc, self._raw, self.rows)

    def _put(self, data: bytes) -> None:
        self._length += self._sink.write(data)


def deflate(data: bytes, level: int = LEVEL) -> bytes:
    """Bytes as one fragment: for headers and licence texts."""
    stream = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
    return bytes(stream.compress(data) + stream.flush(zlib_ng.Z_SYNC_FLUSH))
