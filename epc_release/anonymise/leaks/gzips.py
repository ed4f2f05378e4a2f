"""Gzip files: what stands in a header (RFC 1952, section 2.3), and the content."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

_FLAGS = {
    1: "flag of a text",
    2: "header checksum",
    4: "extra field",
    8: "file name",
    16: "comment",
}
_BLOCK = 1 << 20


def header(file: BinaryIO) -> Iterator[str]:
    """What the header tells beside the format."""
    head = file.read(10)
    for bit, what in _FLAGS.items():
        if len(head) > 3 and head[3] & bit:
            yield f"it has a {what}"
    if any(head[4:8]):
        yield "it has a time"


def content(file: BinaryIO) -> Iterator[bytes]:
    """The content of all members, piece by piece. Raises zlib.error where it is damaged."""
    stream = zlib.decompressobj(wbits=31)
    while piece := file.read(_BLOCK):
        while piece:
            yield stream.decompress(piece)
            piece = stream.unused_data
            if stream.eof:
                stream = zlib.decompressobj(wbits=31)
