"""Looking at one file of a release without reading its rows: Parquet footers, zip directories."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.manifests.columns import FIELD_METADATA, FILE_METADATA, SCHEMA_KEY, arrow_schema
from epc_release.manifests.described import DescribedAggregate, DescribedChange, DescribedTable
from epc_release.manifests.facts import ArchiveFacts, FileFacts
from epc_release.manifests.layout import LICENCE_MEMBER
from epc_release.manifests.report import Finding

# What damaged files raise in the libraries that read them.
DAMAGE = (
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_END_BYTES = 22  # of the record that ends a zip without comment


def inspect_part(
    file: BinaryIO, part: FileFacts, table: DescribedTable | DescribedAggregate | DescribedChange
) -> Iterator[Finding]:
    """The footer of a Parquet part: number of rows, names and types of columns, metadata."""
    if table.schema is None:
        raise ValueError("a part has a schema")
    try:
        parquet = pq.ParquetFile(file)
        found, rows = parquet.schema_arrow, parquet.metadata.num_rows
        metadata = dict(parquet.metadata.metadata or {})
    except DAMAGE:
        yield Finding("E715", part.path, {"kind": "Parquet"})
        return
    if rows != part.rows:
        yield Finding(
            "E707", part.path, {"found": rows, "expected": part.rows, "where": "the descriptor"}
        )
    for problem in _schema_problems(found, arrow_schema(table.schema)):
        yield Finding("E708", part.path, {"problem": problem})
    if metadata.get(SCHEMA_KEY) != table.schema_id.encode():
        yield Finding("E708", part.path, {"problem": "it was written with another schema"})
    if not (metadata.keys() <= FILE_METADATA and _field_keys(found) <= FIELD_METADATA):
        yield Finding("E708", part.path, {"problem": "it carries metadata of its own"})


def _schema_problems(found: pa.Schema, expected: pa.Schema) -> Iterator[str]:
    if found.names != expected.names:
        missing = [name for name in expected.names if name not in found.names]
        extra = [name for name in found.names if name not in expected.names]
        yield f"columns missing: {missing}, not described: {extra}, or their order differs"
        return
    for name, dtype in zip(expected.names, expected.types, strict=True):
        if found.field(name).type != dtype:
            yield f"column {name} is {found.field(name).type}, the descriptor says {dtype}"


def _field_keys(schema: pa.Schema) -> set[bytes]:
    return {key for field in schema for key in field.metadata or {}}


def inspect_archive(file: BinaryIO, archive: ArchiveFacts) -> Iterator[Finding]:
    """The directory of a zip: exactly the members described, and no byte beside them."""
    try:
        with zipfile.ZipFile(file) as zipped:
            problems = [*_member_problems(zipped, archive), *_gaps(file, zipped)]
    except DAMAGE:
        yield Finding("E715", archive.path, {"kind": "zip"})
        return
    for problem in problems:
        yield Finding("E709", archive.path, {"problem": problem})


def _member_problems(zipped: zipfile.ZipFile, archive: ArchiveFacts) -> Iterator[str]:
    expected = [*(member.name for member in archive.members), LICENCE_MEMBER]
    if zipped.namelist() != expected:
        yield "its members are not those of the descriptor"
        return
    for member in archive.members:
        if zipped.getinfo(member.name).file_size != member.bytes:
            yield f"{member.name} has another size than the descriptor says"


def _gaps(file: BinaryIO, zipped: zipfile.ZipFile) -> Iterator[str]:
    """Bytes that no member owns: before, between or after them, in extra fields or comments."""
    at, tidy = 0, not zipped.comment
    for info in zipped.infolist():
        file.seek(info.header_offset)
        magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        told = (magic, file.read(name), info.header_offset)
        tidy &= told == (b"PK\x03\x04", info.orig_filename.encode(), at) and not info.comment
        tidy &= _only_sizes(file.read(extra)) and _only_sizes(info.extra)
        at += _LOCAL_HEADER.size + name + extra + info.compress_size
    file.seek(-_END_BYTES, io.SEEK_END)
    tidy &= at == zipped.start_dir and file.read(4) == b"PK\x05\x06"
    if not tidy:
        yield "it holds bytes outside its members"


def _only_sizes(extra: bytes) -> bool:
    """Whether an extra field is nothing but ZIP64 sizes."""
    sizes = {struct.pack("<HH", 1, 8 * count): 4 + 8 * count for count in (1, 2, 3)}
    return not extra or sizes.get(extra[:4]) == len(extra)
