"""The beginning of each file and zip member: header, some records, and how the text is written.

Nothing is refused here that can be looked at: what a build could not read is told as it is found.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from epc_release.errors import ReleaseError
from epc_release.release.dialect.model import Found, Records, Text
from epc_release.release.source import archive, cut, detect, parquet
from epc_release.release.source.discover import BESIDE
from epc_release.release.source.find import Candidate, candidates, parse_spec
from epc_release.release.source.location import Location, head
from epc_release.release.source.model import LIMITS, Kind, Member
from epc_release.release.source.stream import text_blocks
from epc_release.schemas.register import Register

RECORDS: Final = 500
_ENDS: Final = {10: "LF", 13: "CR"}


class Walk:
    """The files of some paths, one after another.

    ``ignored`` and ``unread`` fill while the files are gone through: what is no data, with the
    reason; and what could not be read, with the error.
    """

    def __init__(self, register: Register, encoding: str | None) -> None:
        self._register = register
        self._encoding = detect.known_encoding(encoding)
        self._known = {"utf-8", *(detect.known_encoding(e) for e in register.encodings)}
        self.ignored: list[tuple[str, str]] = []
        self.unread: list[tuple[str, ReleaseError]] = []

    def files(self, path: str) -> Iterator[tuple[Found, str | None]]:
        """What a file, folder, glob, zip or URI holds, each with the table that ``TABLE=`` forces.

        Raises E106 and E201 to E205 for the path itself.
        """
        for candidate in candidates(parse_spec(path, self._register)):
            why = _left(candidate)
            if why is not None:
                self.ignored.append((candidate.name, why))
                continue
            try:
                for found in self._of(candidate):
                    yield found, candidate.table
            except ReleaseError as error:
                self.unread.append((candidate.name, error))

    def _of(self, candidate: Candidate) -> Iterator[Found]:
        location, name = candidate.location, candidate.name
        if location is None:
            return
        kind = detect.kind_by_content(name, head(location, name, 4))
        if kind == "parquet":
            names, _ = parquet.header(location, name)
            records = parquet.beginning(location, name, RECORDS, self._register.timezone)
            yield Found(name, kind, tuple(names), records)
        elif kind == "zip":
            yield from self._members(location, name)
        else:
            yield self._csv(location, name, kind)

    def _members(self, location: Location, name: str) -> Iterator[Found]:
        members, left = archive.members(location, name, LIMITS)
        self.ignored += left
        for member in members:
            try:
                yield self._csv(location, member.name, "zip", member)
            except ReleaseError as error:
                self.unread.append((member.name, error))

    def _csv(
        self, location: Location, name: str, kind: Kind, member: Member | None = None
    ) -> Found:
        size = detect.HEADER_LIMIT
        start = _beginning(text_blocks(location, name, kind, member=member, size=size), size + 1)
        whole = len(start) <= size
        encoding, sure = encoding_of(start[:size], name, self._encoding)
        text = start[:size]
        if encoding != "utf-8":
            text = b"".join(detect.transcode([text], encoding, name, whole=whole))
        shape, header = detect.shape(text, name, encoding, whole=whole)
        about = Text(
            encoding=encoding,
            mark=detect.has_mark(start),
            sure=sure,
            to_name=encoding not in self._known,
            delimiter=shape.delimiter,
            line_ends=_line_ends(text, shape.delimiter.encode()),
        )
        rest = text[shape.skip :].decode("utf-8", "ignore")
        return Found(name, kind, tuple(header), _records(rest, about, len(header), whole), about)


def _left(candidate: Candidate) -> str | None:
    """Why a file is not looked at; None where it is."""
    base = PurePosixPath(candidate.name).name.lower()
    if candidate.location is None:
        return candidate.why
    if base in BESIDE:
        return BESIDE[base]
    known = candidate.given or detect.kind_by_name(base) is not None
    return None if known else "not a CSV, CSV.gz, zip or Parquet file"


def _beginning(blocks: Iterable[bytes], size: int) -> bytes:
    held = bytearray()
    for block in blocks:
        held += block
        if len(held) >= size:
            break
    return bytes(held[:size])


def encoding_of(start: bytes, name: str, given: str | None) -> tuple[str, bool]:
    """The encoding of a text that begins with ``start``, and whether that is more than a guess.

    A byte order mark counts first, then what was ``given``, then UTF-8 if the bytes are that, then
    the likeliest other. Raises E213 (a NUL that is no part of two-byte text).
    """
    if detect.has_mark(start):
        return "utf-8", True
    if given is not None:
        return given, True
    try:
        detect.refuse_other_encodings(start, name)
    except ReleaseError as error:
        if error.problem.code != "E210":
            raise
        found = str(error.details["use"])
        return found, found.startswith("utf-")
    return "utf-8", not start.isascii()


def _line_ends(text: bytes, delimiter: bytes) -> str:
    """How records end in UTF-8 ``text``: LF, CRLF, CR, mixed, or none."""
    ends = cut.outside(cut.line_ends(text), cut.quotes(text, delimiter)).tolist()
    if ends and ends[-1] == len(text) - 1 and text.endswith(b"\r"):
        ends.pop()  # an LF may have been cut off
    crlf = {end for end in ends if text[max(end - 1, 0) : end + 1] == b"\r\n"}
    kinds = {"CRLF" if end in crlf else _ENDS[text[end]] for end in ends}
    return "mixed" if len(kinds) > 1 else next(iter(kinds), "none")


def _records(text: str, about: Text, width: int, whole: bool) -> Records:
    """The first records that have ``width`` cells; one that may be cut off is left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=about.delimiter)
    found: list[tuple[str, ...]] = []
    try:
        found.extend(tuple(row) for row in islice(reader, RECORDS) if row)
    except csv.Error:  # a cell that is larger than any sample needs
        whole = True
    complete = found if whole or len(found) == RECORDS else found[:-1]
    return tuple(row for row in complete if len(row) == width)
