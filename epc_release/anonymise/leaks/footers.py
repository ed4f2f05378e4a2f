"""A Parquet file to its last byte: what it claims, and bytes that nothing owns.

A column is read by its pages; beside them the format lets values stand in dictionaries that no row
uses, in statistics, page indexes, Bloom filters, key-value metadata, in fields that readers skip
and between the pages. ``dissect`` accounts for every byte and tells whatever is claimed of values.
Source: apache/parquet-format, README.md and src/main/thrift/parquet.thrift (2.11).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from epc_release.anonymise.leaks.thrift import Reader, Struct

MAGIC = b"PAR1"
DAMAGE = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, OSError),
    *(struct.error, pa.ArrowException),
)
_CODECS: Mapping[int, Any] = {0: None, 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_BYTE_ARRAY, _BOOLEAN = 6, 0
_WIDTHS = {0: 1, 1: 4, 2: 8, 4: 4, 5: 8}
_DICTIONARY = 2
# Fields by id that a file of ours may have (FileMetaData without encryption, ColumnMetaData without
# key-value metadata, index pages and Bloom filters, ColumnChunk without other files, pages of
# version 1).
_FILE = frozenset({1, 2, 3, 4, 5, 6, 7})
_GROUP = frozenset({1, 2, 3, 4, 5, 6, 7})
_CHUNK = frozenset({2, 3, 4, 5, 6, 7})
_COLUMN = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 16})
_STATISTICS = frozenset({1, 2, 3, 4, 5, 6, 7, 8})
_PAGE = frozenset({1, 2, 3, 5, 7})
_HEADERS: Mapping[int, frozenset[int]] = {
    5: frozenset({1, 2, 3, 4, 5}),
    7: frozenset({1, 2, 3}),
}
_EMPTY_FRAME = 13  # bytes of a zstd frame without content, at most
_VALUES = (1, 2, 5, 6)  # of Statistics: max, min, max_value, min_value
_EXACT = (7, 8)


@dataclass
class Chunk:
    """A column in one row group. ``claims`` are values in PLAIN encoding that something beside the
    data says of it, by what says so; ``pages`` are the data pages, decompressed.
    """

    group: int
    column: str
    type: int
    claims: dict[str, set[bytes]] = field(default_factory=dict)
    pages: list[bytes] = field(default_factory=list)

    @property
    def layer(self) -> str:
        return f"row group {self.group}, column {self.column}"

    def claim(self, what: str, *values: bytes) -> None:
        self.claims.setdefault(what, set()).update(values)


@dataclass
class Dissected:
    """``problems`` are (layer, what is wrong); ``metadata`` the file's key-value pairs."""

    problems: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    metadata: dict[bytes, bytes] = field(default_factory=dict)

    def wrong(self, layer: str, problem: str) -> None:
        self.problems.append((layer, problem))


def dissect(data: bytes, known: Collection[str]) -> Dissected:
    """Account for every byte of a Parquet file; never raises, whatever it is.

    A column whose name is not ``known`` is called by its number: names can tell something, too.
    """
    found = Dissected()
    try:
        footer = _footer(data, found)
        owned = [(0, len(MAGIC)), (footer[1], len(data))]
        told = [_text(leaf[4]) for leaf in footer[0][2] if 1 in leaf]
        names = [name if name in known else f"number {i}" for i, name in enumerate(told)]
        for number, group in enumerate(footer[0].get(4, ())):
            _known(found, f"row group {number}", group, _GROUP)
            for name, column in zip(names, group[1], strict=True):
                owned += _chunk(data, found, number, name, column, group[3])
        _gaps(found, sorted(owned), len(data))
    except DAMAGE as error:
        found.wrong("footer", f"it cannot be followed ({type(error).__name__})")
    return found


def _footer(data: bytes, found: Dissected) -> tuple[Struct, int]:
    length = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - length
    if data[:4] != MAGIC or data[-4:] != MAGIC or start < 4:
        raise ValueError("no Parquet file")
    reader = Reader(data, start)
    footer = reader.struct()
    if reader.at != len(data) - 8:
        found.wrong("footer", f"bytes {reader.at}-{len(data) - 8} belong to nothing")
    _known(found, "footer", footer, _FILE)
    found.metadata = {pair[1]: pair.get(2, b"") for pair in footer.get(5, ())}
    return footer, start


def _chunk(
    data: bytes, found: Dissected, number: int, name: str, chunk: Struct, rows: int
) -> Iterator[tuple[int, int]]:
    """The stretches of a column chunk; its claims are added to ``found``."""
    meta: Struct = chunk[3]
    told = Chunk(number, name, meta[1])
    found.chunks.append(told)
    _known(found, told.layer, chunk, _CHUNK)
    _known(found, told.layer, meta, _COLUMN)
    _statistics(found, told, meta.get(12, {}), "statistics")
    start = min(filter(None, (meta[9], meta.get(11, 0))), default=0)  # 0: there is no such page
    if start:
        yield start, start + meta[7]
        _pages(data, found, told, start, start + meta[7], _CODECS[meta[4]], rows)
    for offset, length, what in ((4, 5, "offset index"), (6, 7, "column index")):
        if offset in chunk:
            reader = Reader(data, chunk[offset])
            index = reader.struct()
            yield chunk[offset], chunk[offset] + chunk[length]
            if reader.at != chunk[offset] + chunk[length]:
                found.wrong(told.layer, f"its {what} has bytes that belong to nothing")
            if what == "column index":
                _known(found, told.layer, index, frozenset({1, 2, 3, 4, 5, 6, 7}))
                for page, empty in enumerate(index[1]):
                    bounds = (index[2][page], index[3][page])
                    if empty and any(bounds):
                        found.wrong(told.layer, "its column index has values of an empty page")
                    elif not empty:
                        told.claim("column index", *bounds)
            else:
                _known(found, told.layer, index, frozenset({1, 2}))


def _pages(
    data: bytes, found: Dissected, told: Chunk, at: int, end: int, codec: Any, rows: int
) -> None:
    values = 0
    while at < end:
        reader = Reader(data, at)
        head = reader.struct()
        _known(found, told.layer, head, _PAGE)
        at = reader.at + head[3]
        body = _decompressed(data[reader.at : at], head[2], codec)
        kind = head[1]
        inner: Struct = next((head[k] for k in _HEADERS if k in head), {})
        for key, allowed in _HEADERS.items():
            _known(found, told.layer, head.get(key, {}), allowed)
        if kind == _DICTIONARY:
            told.claim("dictionary", *_plain(body, told.type, inner[1]))
        else:
            values += inner[1]
            told.pages.append(body)
            _statistics(found, told, inner.get(5, {}), "page statistics")
    if values != rows or at != end:
        found.wrong(told.layer, f"its pages hold {values} values of {rows} rows")


def _decompressed(body: bytes, size: int, codec: Any) -> bytes:
    if codec is None:
        return body
    if not size:  # a frame of nothing, which the codec refuses
        if len(body) > _EMPTY_FRAME:
            raise ValueError("an empty page that is not empty")
        return b""
    return pa.Codec(codec).decompress(body, decompressed_size=size).to_pybytes()


def _plain(body: bytes, kind: int, count: int) -> Iterator[bytes]:
    """The values of a page in PLAIN encoding."""
    if kind != _BYTE_ARRAY:
        width = _WIDTHS[kind]
        if len(body) != width * count:
            raise ValueError("a dictionary of another length")
        yield from (body[i : i + width] for i in range(0, len(body), width))
        return
    at = 0
    for _ in range(count):
        length = int.from_bytes(body[at : at + 4], "little")
        yield body[at + 4 : at + 4 + length]
        at += 4 + length
    if at != len(body):
        raise ValueError("a dictionary of another length")


def _statistics(found: Dissected, told: Chunk, statistics: Struct, what: str) -> None:
    _known(found, told.layer, statistics, _STATISTICS)
    told.claim(what, *(statistics[k] for k in _VALUES if k in statistics))
    if not all(statistics.get(k, True) for k in _EXACT):
        found.wrong(told.layer, f"its {what} are not exact")


def _known(found: Dissected, layer: str, told: Struct, allowed: frozenset[int]) -> None:
    if extra := sorted(told.keys() - allowed):
        found.wrong(layer, f"it has fields of the format that ours never have: {extra}")


def _gaps(found: Dissected, owned: list[tuple[int, int]], size: int) -> None:
    at = 0
    for start, stop in owned:
        if start > at:
            found.wrong(f"bytes {at}-{start}", "they belong to no column, index or footer")
        elif start < at:
            found.wrong(f"bytes {start}-{at}", "they belong to two parts of the file")
        at = max(at, stop)
    if at != size:
        found.wrong(f"bytes {at}-{size}", "they belong to no column, index or footer")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
