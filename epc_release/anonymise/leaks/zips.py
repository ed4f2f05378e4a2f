"""A ZIP file to its last byte: fixed headers, members one after another, nothing beside them.

Source: PKWARE, APPNOTE 6.3.10, sections 4.3 and 4.4. What ours never have is told: comments, extra
fields other than sizes, times, data descriptors, bytes before, between or after the records.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)
FIRST_TIME = (1980, 1, 1, 0, 0, 0)
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_LOCAL_MAGIC, _END_MAGIC, _END64_MAGIC, _LOCATOR_MAGIC = (
    0x04034B50,
    0x06054B50,
    0x06064B50,
    0x07064B50,
)
_TIME, _DATE, _UTF8, _DEFLATED = 0, 33, 0x0800, 8
_VERSIONS = (20, 45)
_END_BYTES, _END64_BYTES, _LOCATOR_BYTES = 22, 56, 20
_BLOCK = 1 << 20


def structure(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """(layer, problem) for everything that could hold a value unseen; members are not unpacked."""
    try:
        with zipfile.ZipFile(file) as zipped:
            at = 0
            for info in zipped.infolist():
                yield from _central(info)
                at = yield from _local(file, info, at)
            yield from _end(file, zipped, at)
    except DAMAGE as error:
        yield "directory", f"it cannot be followed ({type(error).__name__})"


def _central(info: zipfile.ZipInfo) -> Iterator[tuple[str, str]]:
    layer = "directory entry"
    if info.comment:
        yield layer, "a member has a comment"
    if not _only_sizes(info.extra):
        yield layer, "a member has an extra field that is not ZIP64 sizes"
    if info.date_time != FIRST_TIME:
        yield layer, "a member has a time"
    if info.flag_bits != _UTF8 or info.compress_type != _DEFLATED:
        yield layer, "a member is stored in another way (flags or method)"
    fixed = (info.create_system, info.reserved, info.volume, info.internal_attr, info.external_attr)
    if fixed != (3, 0, 0, 0, 0o100644 << 16):
        yield layer, "a member has attributes of its own"


def _local(file: BinaryIO, info: zipfile.ZipInfo, at: int) -> Generator[tuple[str, str], None, int]:
    """Problems of a member's local header; returns where the next one must begin."""
    layer = f"local header at byte {info.header_offset}"
    if info.header_offset != at:
        yield (
            f"bytes {min(at, info.header_offset)}-{max(at, info.header_offset)}",
            ("they belong to no member, or to two"),
        )
    file.seek(info.header_offset)
    magic, version, flags, method, time, date, crc, *_, name, extra = _LOCAL.unpack(
        file.read(_LOCAL.size)
    )
    if (magic, flags, method, time, date) != (_LOCAL_MAGIC, _UTF8, _DEFLATED, _TIME, _DATE):
        yield layer, "it has a time, flags or a method that ours never have"
    if version not in _VERSIONS or crc != info.CRC:
        yield layer, "it says other things than the directory"
    if file.read(name) != info.orig_filename.encode():
        yield layer, "it has another name than the directory"
    if not _only_sizes(file.read(extra)):
        yield layer, "it has an extra field that is not ZIP64 sizes"
    return int(info.header_offset + _LOCAL.size + name + extra + info.compress_size)


def _end(file: BinaryIO, zipped: zipfile.ZipFile, at: int) -> Iterator[tuple[str, str]]:
    if zipped.comment:
        yield "end of directory", "the archive has a comment"
    start = zipped.start_dir
    if at != start:
        yield f"bytes {min(at, start)}-{max(at, start)}", "they belong to no member"
    size = file.seek(0, 2)
    file.seek(start)
    directory = file.read(size - start)
    length = sum(
        46 + len(info.orig_filename.encode()) + len(info.extra) + len(info.comment)
        for info in zipped.infolist()
    )
    rest = directory[length:]
    big = len(rest) == _END64_BYTES + _LOCATOR_BYTES + _END_BYTES and (
        struct.unpack_from("<I", rest)[0] == _END64_MAGIC
        and struct.unpack_from("<I", rest, _END64_BYTES)[0] == _LOCATOR_MAGIC
    )
    end = rest[-_END_BYTES:]
    if len(rest) != _END_BYTES and not big:
        yield f"bytes {start + length}-{size}", "they are more than the end of a directory"
    elif struct.unpack("<IHHHHIIH", end)[:3] != (_END_MAGIC, 0, 0):
        yield "end of directory", "it is not as ours are"


def unpacked(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's content, piece by piece. Raises ValueError where bytes stand behind the end of its
    deflate stream (RFC 1951), where no reader looks, or where it does not end."""
    file.seek(info.header_offset)
    *_, name, extra = _LOCAL.unpack(file.read(_LOCAL.size))
    file.seek(name + extra, 1)
    if info.compress_type == zipfile.ZIP_STORED:
        yield file.read(info.compress_size)
        return
    left, stream = info.compress_size, zlib.decompressobj(-zlib.MAX_WBITS)
    while left:
        piece = file.read(min(left, _BLOCK))
        if not piece:
            break
        left -= len(piece)
        if data := stream.decompress(piece):
            yield data
        if stream.unused_data or (stream.eof and left):
            raise ValueError("bytes behind the end of the stream")
    if not stream.eof:
        raise ValueError("the stream does not end")


def _only_sizes(extra: bytes) -> bool:
    """Whether an extra field is nothing but ZIP64 sizes."""
    lengths = {struct.pack("<HH", 1, 8 * count): 4 + 8 * count for count in (1, 2, 3)}
    return not extra or lengths.get(extra[:4]) == len(extra)
