"""Zip and gzip, read as streams: members are listed and checked before a byte is unpacked.

Formats: APPNOTE.TXT 6.3.10 (local file header, 4.3.7) and RFC 1952. Names of members are shown and
never become paths. Sizes are bytes.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from zlib_ng import zlib_ng

from epc_release.errors import ReleaseError
from epc_release.release.source.location import BLOCK, Location, opened, read
from epc_release.release.source.model import Member, ZipLimits

_SMALL = 16 << 20  # below this a high ratio is no danger
PACKED_BLOCK = 256 << 10  # packed bytes fed at a time: one cannot unpack to more than 256 MiB
_ZLIB_ERROR = cast("type[Exception]", zlib_ng.error)  # its stub says that it is an instance
_LOCAL = struct.Struct("<4s5HIIIHH")
_ENCRYPTED, _STRONG = 0x1, 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREAD_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 99: "AES"}
_PACKED = (".zip", ".gz", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".parquet")


def members(
    location: Location, name: str, limits: ZipLimits
) -> tuple[list[Member], list[tuple[str, str]]]:
    """The CSVs of a zip in order of their names; and what is left, with the reason.

    Raises E220 (damaged), E221 (encrypted), E222 (method), E223 (nested) and E224 (limits).
    """
    with opened(location, name) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise ReleaseError("E220", file=name, reason="its directory is not readable") from error
    _check_limits(entries, name, limits)
    found: list[Member] = []
    ignored: list[tuple[str, str]] = []
    for entry in entries:
        shown = f"{name}!{printable(entry.filename)}"
        why = _not_data(entry)
        if why:
            ignored.append((shown, why))
        else:
            found.append(_member(entry, shown))
    return _distinct(sorted(found, key=lambda m: (m.name, m.header_offset))), ignored


def printable(name: str) -> str:
    """A name from inside an archive, fit to be shown."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def _not_data(entry: zipfile.ZipInfo) -> str | None:
    base = entry.filename.replace("\\", "/").rsplit("/", 1)[-1].lower()
    if entry.is_dir():
        return "a folder"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "a symbolic link"
    if "__macosx/" in entry.filename.lower() or base.startswith("."):
        return "a hidden file"
    if base == "columns.csv":
        return "describes the columns"
    return None if base.endswith((".csv", *_PACKED)) else "not a CSV file"


def _member(entry: zipfile.ZipInfo, shown: str) -> Member:
    if entry.flag_bits & (_ENCRYPTED | _STRONG):
        raise ReleaseError("E221", file=shown)
    if shown.lower().endswith(_PACKED):
        raise ReleaseError("E223", file=shown)
    if entry.compress_type not in _METHODS:
        method = _UNREAD_METHODS.get(entry.compress_type, "unknown")
        raise ReleaseError("E222", file=shown, method=f"{entry.compress_type} ({method})")
    return Member(
        shown,
        entry.compress_type,
        entry.header_offset,
        entry.compress_size,
        entry.file_size,
        entry.CRC,
    )


def _distinct(found: list[Member]) -> list[Member]:
    """The same with a number behind a name that stands twice."""
    seen: dict[str, int] = {}
    result = []
    for member in found:
        seen[member.name] = count = seen.get(member.name, 0) + 1
        name = member.name if count == 1 else f"{member.name} (copy {count})"
        result.append(replace(member, name=name))
    return result


def _check_limits(entries: list[zipfile.ZipInfo], name: str, limits: ZipLimits) -> None:
    if len(entries) > limits.members:
        raise ReleaseError("E224", file=name, what=f"{len(entries)} members", limit=limits.members)
    total = sum(entry.file_size for entry in entries)
    if total > limits.total_bytes:
        raise ReleaseError("E224", file=name, what=f"{total} bytes", limit=limits.total_bytes)
    for entry in entries:
        _check_ratio(name, entry.compress_size, entry.file_size, limits)
    # members that share packed bytes multiply them (an overlap bomb)
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise ReleaseError("E220", file=name, reason="its members overlap")
        end = entry.header_offset + _LOCAL.size + entry.compress_size


def _check_ratio(name: str, packed: int, unpacked: int, limits: ZipLimits) -> None:
    if unpacked > _SMALL and unpacked > packed * limits.ratio:
        what = f"{unpacked} bytes from {packed}"
        raise ReleaseError("E224", file=name, what=what, limit=f"{limits.ratio} to 1")


def member_blocks(location: Location, member: Member) -> Iterator[bytes]:
    """The text of one member; length and CRC-32 are checked at its end (E220)."""
    with opened(location, member.name) as stream:
        packed = _packed(stream, member)
        stored = member.method == zipfile.ZIP_STORED
        crc = length = 0
        for block in packed if stored else _inflate(packed, member.name, -15):
            length += len(block)
            if length > member.unpacked:
                break
            crc = zlib_ng.crc32(block, crc)
            yield block
        if length != member.unpacked:
            raise ReleaseError("E220", file=member.name, reason="its length is not as declared")
        if crc != member.crc:
            raise ReleaseError("E220", file=member.name, reason="its CRC-32 does not match")


def _packed(stream: BinaryIO, member: Member) -> Iterator[bytes]:
    stream.seek(member.header_offset)
    header = read(stream, member.name, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise ReleaseError("E220", file=member.name, reason="its local header is missing")
    *_, name_length, extra_length = _LOCAL.unpack(header)
    stream.seek(name_length + extra_length, 1)
    left = member.packed
    while left:
        block = read(stream, member.name, min(PACKED_BLOCK, left))
        if not block:
            raise ReleaseError("E220", file=member.name, reason="it is cut short")
        left -= len(block)
        yield block


def gzip_blocks(packed: Iterable[bytes], name: str, limits: ZipLimits) -> Iterator[bytes]:
    """The text of a gzip file of any number of members; zeros after the last are padding.

    Raises E220 (cut short, CRC-32 or length wrong) and E224 (limits).
    """
    counted = _Counter(packed)
    unpacked = 0
    for block in _inflate(counted, name, 31):
        unpacked += len(block)
        _check_ratio(name, counted.seen, unpacked, limits)
        if unpacked > limits.total_bytes:
            what = f"{unpacked} bytes"
            raise ReleaseError("E224", file=name, what=what, limit=limits.total_bytes)
        yield block


class _Counter:
    """Passes blocks on and counts their bytes."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.seen = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.seen += len(block)
            yield block


def _inflate(packed: Iterable[bytes], name: str, window: int) -> Iterator[bytes]:
    """Unpacks deflate data, raw (``window`` -15) or in gzip members (31), in bounded blocks."""
    machine = zlib_ng.decompressobj(window)
    for data in packed:
        while data:
            if machine.eof:
                if window < 0 or not (data := data.lstrip(b"\0")):
                    break
                machine = zlib_ng.decompressobj(window)
            if text := _unpack(machine, data, name):
                yield text
            data = machine.unused_data if machine.eof else machine.unconsumed_tail
    # a block's worth was asked for at a time: the machine may hold more
    while not machine.eof and (text := _unpack(machine, b"", name)):
        yield text
    if not machine.eof:
        raise ReleaseError("E220", file=name, reason="it is cut short")


def _unpack(machine: zlib_ng._Decompress, data: bytes, name: str) -> bytes:
    try:
        return machine.decompress(data, BLOCK)
    except _ZLIB_ERROR as error:
        raise ReleaseError("E220", file=name, reason="its data are damaged") from error
