"""The beginning of a CSV, wherever it is stored: its shape and its header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from epc_release.release.source import detect
from epc_release.release.source.location import Location
from epc_release.release.source.model import LIMITS, CsvShape, Kind, Member, ZipLimits
from epc_release.release.source.stream import text_blocks


def csv_header(
    location: Location,
    name: str,
    kind: Kind,
    *,
    encoding: str | None = None,
    encodings: Sequence[str] = (),
    limits: ZipLimits = LIMITS,
    member: Member | None = None,
) -> tuple[CsvShape, list[str]]:
    """Shape and header cells of a CSV; raises E206, E210, E212, E213 and E214.

    ``encoding`` (None: UTF-8) holds where there is no byte order mark; where there is none either,
    ``encodings`` are tried on the whole text.
    """

    def blocks() -> Iterator[bytes]:
        return text_blocks(
            location, name, kind, member=member, limits=limits, size=detect.HEADER_LIMIT
        )

    start, whole = _beginning(blocks(), detect.HEADER_LIMIT)
    if encoding is None and encodings and not detect.has_mark(start):
        encoding = detect.first_encoding(blocks, encodings, name)
    if encoding is None or detect.has_mark(start):
        detect.refuse_other_encodings(start, name)
        return detect.shape(start, name, None, whole=whole)
    text = b"".join(detect.transcode([start], encoding, name, whole=whole))
    detect.check_utf8(text, name, line=1)
    return detect.shape(text, name, encoding, whole=whole)


def _beginning(blocks: Iterator[bytes], size: int) -> tuple[bytes, bool]:
    """The first ``size`` bytes, and whether that is all there is."""
    held = bytearray()
    for block in blocks:
        held += block
        if len(held) > size:
            return bytes(held[:size]), False
    return bytes(held), True
