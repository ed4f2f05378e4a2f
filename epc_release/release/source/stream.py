"""A part's text as a stream of UTF-8 blocks, whatever it is packed in, hashed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, MutableMapping

from epc_release.release.source import archive, detect
from epc_release.release.source.location import (
    BLOCK,
    Location,
    blocks,
    check_unchanged,
    opened,
)
from epc_release.release.source.model import LIMITS, FileDigest, Kind, Member, Part, ZipLimits

Digests = MutableMapping[str, FileDigest]


def is_plain(part: Part) -> bool:
    """Do the stored bytes hold the records as they are to be read (CSV in UTF-8)?"""
    return part.kind == "csv" and part.csv is not None and part.csv.encoding is None


def raw_blocks(
    location: Location, name: str, size: int, seen: Callable[[bytes], None] | None = None
) -> Iterator[bytes]:
    """All stored bytes; raises E207 where they are not as many as were listed."""
    length = 0
    with opened(location, name) as stream:
        for block in blocks(stream, name, size):
            length += len(block)
            if seen:
                seen(block)
            yield block
    check_unchanged(location, name, read_bytes=length)


def text_blocks(
    location: Location,
    name: str,
    kind: Kind,
    *,
    member: Member | None = None,
    limits: ZipLimits = LIMITS,
    size: int = BLOCK,
    seen: Callable[[bytes], None] | None = None,
) -> Iterator[bytes]:
    """The text of a CSV in its own encoding; ``seen`` gets the stored bytes where all are read."""
    if member is not None:
        yield from archive.member_blocks(location, member)
        check_unchanged(location, name)
    elif kind == "csv.gz":
        packed = raw_blocks(location, name, archive.PACKED_BLOCK, seen)
        yield from archive.gzip_blocks(packed, name, limits)
    else:
        yield from raw_blocks(location, name, size, seen)


def part_blocks(part: Part, size: int, digests: Digests | None) -> Iterator[bytes]:
    """The text of a part in UTF-8, header included.

    Once all has been read, ``digests`` (by ``part.file``) holds size and sha256 of the stored file.
    """
    digest = hashlib.sha256() if digests is not None and part.member is None else None
    raw = text_blocks(
        part.location,
        part.name,
        part.kind,
        member=part.member,
        limits=part.limits,
        size=size,
        seen=digest.update if digest else None,
    )
    encoding = part.csv.encoding if part.csv else None
    yield from detect.transcode(raw, encoding, part.name) if encoding else raw
    if digests is not None and digest is not None:
        digests[part.file] = FileDigest(part.location.size, digest.hexdigest())


def digest_whole(part: Part, digests: Digests | None) -> None:
    """Hashes the stored file of a part that is not read from end to end (zip, Parquet), once."""
    if digests is None or part.file in digests:
        return
    digest = hashlib.sha256()
    for block in raw_blocks(part.location, part.file, BLOCK):
        digest.update(block)
    digests[part.file] = FileDigest(part.location.size, digest.hexdigest())
