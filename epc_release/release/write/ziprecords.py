"""The records of the ZIP format (APPNOTE 6.3.10) that an archive of known sizes needs.

Sizes are known before a member is written, so they stand in its local header and a reader may
stream. Times are the format's first (1 January 1980): no clock is read. ZIP64 is used for the
members and archives that need it, and for no others.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

MAX_32, MAX_16 = 0xFFFFFFFF, 0xFFFF
_DEFLATED, _UTF8 = 8, 0x0800
_VERSION, _VERSION_ZIP64, _UNIX = 20, 45, 3 << 8
_TIME, _DATE = 0, (0 << 9) | (1 << 5) | 1
_MODE = 0o100644 << 16
_ZIP64_EXTRA = 1


@dataclass(frozen=True)
class Entry:
    """One member: sizes in bytes, ``offset`` of its local header in the archive."""

    name: str
    crc32: int
    compressed: int
    raw: int
    offset: int


def local_header(entry: Entry, limit: int = MAX_32) -> bytes:
    """The record before a member's data; ``limit`` is the least size that needs ZIP64."""
    name = entry.name.encode()
    big = max(entry.raw, entry.compressed) >= limit
    extra = _zip64(entry.raw, entry.compressed) if big else b""
    return (
        struct.pack("<IH", 0x04034B50, _VERSION_ZIP64 if big else _VERSION)
        + _common(entry, big)
        + struct.pack("<HH", len(name), len(extra))
        + name
        + extra
    )


def central_directory(entries: Sequence[Entry], start: int, limit: int = MAX_32) -> bytes:
    """The directory of all members and the records that end the archive, from offset ``start``."""
    directory = b"".join(_central_header(entry, limit) for entry in entries)
    size, count = len(directory), len(entries)
    big = start >= limit or size >= limit or count >= min(limit, MAX_16)
    if not big:
        return directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, start, 0)
    end64 = struct.pack(
        "<IQHHIIQQQQ",
        *(0x06064B50, 44, _UNIX | _VERSION_ZIP64, _VERSION_ZIP64),
        *(0, 0, count, count, size, start),
    )
    locator = struct.pack("<IIQI", 0x07064B50, 0, start + size, 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, MAX_16, MAX_16, MAX_32, MAX_32, 0)
    return directory + end64 + locator + end


def _central_header(entry: Entry, limit: int) -> bytes:
    name = entry.name.encode()
    big, far = max(entry.raw, entry.compressed) >= limit, entry.offset >= limit
    extra = _zip64(
        *((entry.raw, entry.compressed) if big else ()), *((entry.offset,) if far else ())
    )
    version = _VERSION_ZIP64 if big or far else _VERSION
    return (
        struct.pack("<IHH", 0x02014B50, _UNIX | version, version)
        + _common(entry, big)
        + struct.pack("<HHHHHI", len(name), len(extra), 0, 0, 0, _MODE)
        + struct.pack("<I", MAX_32 if far else entry.offset)
        + name
        + extra
    )


def _common(entry: Entry, big: bool) -> bytes:
    sizes = (MAX_32, MAX_32) if big else (entry.compressed, entry.raw)
    return struct.pack("<HHHHIII", _UTF8, _DEFLATED, _TIME, _DATE, entry.crc32, *sizes)


def _zip64(*values: int) -> bytes:
    if not values:
        return b""
    return struct.pack(f"<HH{len(values)}Q", _ZIP64_EXTRA, 8 * len(values), *values)
