"""One object of a release: its name, its bytes, every layer below them, and how it is made.

Findings say where and which kind of value, never the value: a name that may hold one is not told.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.anonymise.leaks import gzips, zips
from epc_release.anonymise.leaks.documents import decoded, phrases
from epc_release.anonymise.leaks.finding import STRUCTURE, VALUE, Leak
from epc_release.manifests.content import csv_header
from epc_release.manifests.described import (
    Described,
    DescribedAggregate,
    DescribedChange,
    DescribedTable,
)
from epc_release.manifests.facts import ArchiveFacts
from epc_release.manifests.layout import LICENCE_MEMBER
from epc_release.release.leaks.cells import csv_cells
from epc_release.release.leaks.parts import Part
from epc_release.release.leaks.private import Private

_ZIP, _GZIP, _ZSTD, _PARQUET = b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_LARGEST_TEXT = 256 << 20  # bytes; a document that is larger is searched as bytes alone
_MOST = 20  # findings told of one layer


@dataclass(frozen=True)
class Object:
    """A file of a release; ``shown`` is its path as far as it may be told."""

    root: Path
    path: str
    shown: str
    described: Described
    listed: bool

    @property
    def table(self) -> DescribedTable | None:
        """The table that it is a part of."""
        for table in self.described.tables:
            if any(part.path == self.path for part in table.files):
                return table
        return None

    @property
    def counted(self) -> DescribedAggregate | None:
        """The table of counts that it is."""
        return next((t for t in self.described.counted if t.file.path == self.path), None)

    @property
    def changed(self) -> DescribedChange | None:
        """The list of changes that it is."""
        return next((c for c in self.described.changes if c.file.path == self.path), None)

    @property
    def archive(self) -> ArchiveFacts | None:
        return next((a for a in self.described.archives if a.path == self.path), None)


class Walk:
    """Looks into one object; ``private`` is what must not be there."""

    def __init__(self, found: Object, private: Private) -> None:
        self._object, self._private = found, private

    def leaks(self) -> Iterator[Leak]:
        """Everything, the object's name first."""
        yield from self.name()
        file = self._object.root / self._object.path
        if file.is_symlink() or not file.is_file():
            yield self._structure("object", "it is no file")
            return
        with file.open("rb") as source:
            yield from self._bytes("bytes", source.read)
            source.seek(0)
            yield from self._inside(source)

    def structure(self) -> Iterator[Leak]:
        """How an archive is made."""
        if self._object.archive is not None:
            with (self._object.root / self._object.path).open("rb") as source:
                yield from self._zip_structure(source)

    def published_keys(self) -> Iterator[tuple[str, pl.Series]]:
        """(column, texts) of the primary key's columns in a part that is of no one's children."""
        table = self._object.table
        if table is not None and table.parent is None:
            file = pq.ParquetFile(self._object.root / self._object.path)
            read = file.read(columns=list(table.schema.primary_key), use_threads=False)
            for name in read.column_names:
                yield name, pl.Series(read.column(name)).drop_nulls().cast(pl.String)

    def withheld_keys(self) -> Iterator[Leak]:
        for name, values in self.published_keys():
            yield from self._column(f"column {name}, values", values, name)

    def name(self) -> Iterator[Leak]:
        """What the path itself tells."""
        if not self._object.listed:
            yield self._structure("object", "no description of the release names it")
        yield from self._text("name", self._object.path)

    def _inside(self, source: BinaryIO) -> Iterator[Leak]:
        magic = source.read(4)
        is_zip = magic == _ZIP or zipfile.is_zipfile(source)
        source.seek(0)
        if magic == _PARQUET:
            found = self._object
            part = Part(
                found.path,
                found.table or found.counted or found.changed,
                source.read(),
                self._private,
            )
            for layer, kind, what in part.findings():
                yield Leak(self._object.shown, layer, kind, what)
        elif is_zip:
            yield from self._zip_structure(source)
            yield from self._members(source)
        elif magic[:2] == _GZIP:
            for problem in gzips.header(source):
                yield self._structure("gzip header", problem)
            source.seek(0)
            names = self._list_names()
            if names is None:
                yield from self._packed("gzip content", gzips.content(source))
            else:
                yield from self._unpacked_csv(source, names)
        elif magic == _ZSTD:
            file: Any = source
            with pa.CompressedInputStream(file, "zstd") as stream:
                yield from self._packed("zstd content", iter(lambda: stream.read(1 << 20), b""))
        else:
            yield from self._whole(source)

    def _packed(self, layer: str, pieces: Iterable[bytes]) -> Iterator[Leak]:
        try:
            text = b"".join(pieces)
        except (*zips.DAMAGE, pa.ArrowException, OSError) as error:
            yield self._structure(layer, f"it cannot be unpacked ({type(error).__name__})")
            return
        yield from self._bytes(layer, io.BytesIO(text).read)
        yield from self._document(f"{layer}, ", text)

    def _whole(self, source: BinaryIO) -> Iterator[Leak]:
        """A text, and what its readers make of it."""
        yield from self._document("", source.read(_LARGEST_TEXT))

    def _document(self, prefix: str, data: bytes) -> Iterator[Leak]:
        text = data.decode("utf-8", "replace")
        yield from self._cells(f"{prefix}text", phrases(text))
        for layer, other in decoded(text):
            yield from self._text(f"{prefix}{layer}", other)

    def _zip_structure(self, source: BinaryIO) -> Iterator[Leak]:
        for layer, problem in zips.structure(source):
            yield self._structure(layer, problem)

    def _members(self, source: BinaryIO) -> Iterator[Leak]:
        try:
            infos = zipfile.ZipFile(source).infolist()
        except zips.DAMAGE:
            return
        archive = self._object.archive
        tables = {m.name: m.table for m in archive.members} if archive else {}
        for number, info in enumerate(infos, 1):
            known = info.filename in tables or info.filename == LICENCE_MEMBER
            layer = f"member {info.filename}" if known else f"member {number}"
            if not known:
                yield self._structure(layer, "no description of the release names it")
            names = (info.orig_filename.encode(), info.extra, info.comment)
            for text in names:
                yield from self._text(f"{layer}, header", text.decode("utf-8", "replace"))
            try:
                yield from self._member(source, info, layer, tables.get(info.filename))
            except (*zips.DAMAGE, OSError) as error:
                told = str(error) if type(error) is ValueError else type(error).__name__
                yield self._structure(layer, f"it cannot be unpacked as ours can: {told}")

    def _member(
        self, source: BinaryIO, info: zipfile.ZipInfo, layer: str, table: str | None
    ) -> Iterator[Leak]:
        described = next((t for t in self._object.described.tables if t.name == table), None)
        if described is None:
            yield from self._packed(layer, zips.unpacked(source, info))
            return
        yield from self._csv(layer, described.csv_names, lambda: zips.unpacked(source, info))

    def _list_names(self) -> tuple[str, ...] | None:
        """The columns of a list of changes as CSV: those of the Parquet file beside it."""
        path = self._object.path.removesuffix(".csv.gz") + ".parquet"
        for change in self._object.described.changes:
            if change.file.path == path and change.schema is not None:
                return change.schema.names
        return None

    def _unpacked_csv(self, source: BinaryIO, names: tuple[str, ...]) -> Iterator[Leak]:
        def pieces() -> Iterator[bytes]:
            source.seek(0)
            return gzips.content(source)

        try:
            yield from self._csv("gzip content", names, pieces)
        except (*zips.DAMAGE, pa.ArrowException, OSError) as error:
            yield self._structure("gzip content", f"it cannot be unpacked ({type(error).__name__})")

    def _csv(
        self, layer: str, names: tuple[str, ...], unpacked: Callable[[], Iterator[bytes]]
    ) -> Iterator[Leak]:
        """A CSV of these columns: its bytes, its header and every cell."""
        yield from self._bytes(layer, _Pieces(unpacked()).read)
        expected = csv_header(names)
        pieces = _Pieces(unpacked())
        head = pieces.read(len(expected))
        if head != expected:
            yield self._structure(layer, "its header is not that of the descriptor")
            yield from self._cells(f"{layer}, header", phrases(head.decode("utf-8", "replace")))
        if self._private.digests:
            for column, texts in csv_cells(pieces, names):
                yield from self._column(f"{layer}, column {column}", texts, column)

    def _bytes(self, layer: str, read: Callable[[int], bytes]) -> Iterator[Leak]:
        told: set[tuple[str, str]] = set()
        for hit in self._private.needles.stream(read):
            if (hit.source, hit.form) not in told and len(told) < _MOST:
                told.add((hit.source, hit.form))
                yield self._value(f"{layer}, from byte {hit.at}", f"{hit.source} ({hit.form})")

    def _text(self, layer: str, text: str) -> Iterator[Leak]:
        yield from self._bytes(layer, io.BytesIO(text.encode()).read)
        yield from self._cells(layer, phrases(text))

    def _cells(self, layer: str, words: Iterable[str]) -> Iterator[Leak]:
        yield from self._column(layer, pl.Series(sorted(words), dtype=pl.String), "")

    def _column(self, layer: str, texts: pl.Series, field: str) -> Iterator[Leak]:
        for source, count in self._private.digests.found(texts, field):
            yield self._value(layer, f"{source} ({count} distinct, as whole cells)")

    def _value(self, layer: str, what: str) -> Leak:
        return Leak(self._object.shown, layer, VALUE, what)

    def _structure(self, layer: str, what: str) -> Leak:
        return Leak(self._object.shown, layer, STRUCTURE, what)


class _Pieces(io.RawIOBase):
    """A readable file of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Exactly ``size`` bytes where there are so many."""
        parts, held = [self._rest], len(self._rest)
        while size < 0 or held < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            held += len(piece)
        data = b"".join(parts)
        found, self._rest = (data, b"") if size < 0 else (data[:size], data[size:])
        return found


def skim(walks: Sequence[Walk], private: Private) -> Iterator[Leak]:
    """The structure of archives and the published keys; many keys in one look."""
    columns: dict[str, list[pl.Series]] = {}
    for walk in walks:
        yield from walk.structure()
        for name, values in walk.published_keys():
            columns.setdefault(name, []).append(values)
    suspect = (private.digests.found(pl.concat(found), name) for name, found in columns.items())
    if any(next(iter(found), None) is not None for found in suspect):
        for walk in walks:
            yield from walk.withheld_keys()


def names_leak(paths: Iterable[str], private: Private) -> bool:
    """Whether any of these names tells something: all in one look, since there are many."""
    text = "\n".join(paths)
    words = pl.Series(sorted(phrases(text)), dtype=pl.String)
    hits = (private.needles.found(text.encode()), private.digests.found(words))
    return any(next(iter(found), None) is not None for found in hits)


def shown_path(path: str, described: Described, listed: bool) -> str:
    """A path as far as it may be told: of one that no description names, its folder alone."""
    if listed:
        return path
    folders = {
        "/".join(known.split("/")[:n])
        for known in described.files
        for n in range(1, known.count("/") + 1)
    }
    parts = path.split("/")[:-1]
    while parts and "/".join(parts) not in folders:
        parts.pop()
    return "/".join([*parts, "(an object that no description names)"])
