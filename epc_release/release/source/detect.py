"""What a file is: its kind by its first bytes, its encoding, delimiter and header."""

from __future__ import annotations

import codecs
import csv
import io
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from epc_release.errors import ReleaseError
from epc_release.release.source import cut
from epc_release.release.source.model import CsvShape, Kind

HEADER_LIMIT = 256 << 10  # bytes; a header that has not ended by then is none
DELIMITERS = ",;\t|"

_MAGIC: dict[bytes, Kind] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PAR1": "parquet",
    b"\x1f\x8b": "csv.gz",
}
_SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".csv.gz": "csv.gz",
    ".zip": "zip",
    ".parquet": "parquet",
}
# the longer first: the mark of UTF-32 begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def kind_by_name(name: str) -> Kind | None:
    """The kind that a file's name promises, or None where it is not one of ours."""
    lower = name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if lower.endswith(suffix)), None)


def kind_by_content(name: str, start: bytes) -> Kind:
    """The kind of a file that begins with ``start``; E208 where its name promises another."""
    if not start:
        raise ReleaseError("E206", file=name)
    promised = kind_by_name(name)
    found: Kind = next((k for magic, k in _MAGIC.items() if start.startswith(magic)), "csv")
    if promised not in (None, found):
        raise ReleaseError("E208", file=name, promised=promised, found=found)
    return found


def known_encoding(name: str | None) -> str | None:
    """The encoding as Python names it, None for UTF-8; E211 where there is none of that name."""
    if name is None:
        return None
    try:
        found = codecs.lookup(name).name
        "x".encode(found)
    except (LookupError, ValueError) as error:
        raise ReleaseError("E211", name=name) from error
    return None if found in ("utf-8", "utf-8-sig") else found


def has_mark(start: bytes) -> bool:
    """Does it begin with the byte order mark of UTF-8?"""
    return start.startswith(codecs.BOM_UTF8)


def refuse_other_encodings(start: bytes, name: str) -> None:
    """Raises E210 for UTF-16 and UTF-32, with or without mark, and for bytes that are no UTF-8."""
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    if marked:
        raise ReleaseError("E210", file=name, line=1, found=marked, use=marked)
    sample = start[:4096]
    if sample.count(0) * 3 >= len(sample):  # every second byte: two-byte text, not damage
        found = "utf-16-be" if sample[0] == 0 else "utf-16-le"
        raise ReleaseError("E210", file=name, line=1, found=found, use=found)
    # the last character may be cut off by the end of the sample
    check_utf8(start, name, line=1, final=False)


def check_utf8(data: bytes, name: str, *, line: int, final: bool = True) -> None:
    """Raises E213 for a NUL and E210 for the first byte that is no UTF-8, with its line.

    ``line`` is the physical line (from 1) on which ``data`` begins.
    """
    nul = data.find(b"\0")
    if nul >= 0:
        raise ReleaseError("E213", file=name, line=line + cut.count_lines(data, nul))
    if data.isascii() or (final and _is_utf8(data)):
        return
    try:
        codecs.utf_8_decode(data, "strict", final)
    except UnicodeDecodeError as error:
        where = line + cut.count_lines(data, error.start)
        raise ReleaseError(
            "E210", file=name, line=where, found=_guess(data), use=_guess(data)
        ) from error


def _is_utf8(data: bytes) -> bool:
    """Arrow's check, which is ten times as fast as decoding."""
    offsets = pa.py_buffer(struct.pack("=qq", 0, len(data)))
    text = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _guess(data: bytes) -> str:
    """The likeliest encoding of text that is not UTF-8, by the bytes that Windows alone uses."""
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def shape(
    start: bytes, name: str, encoding: str | None, *, whole: bool
) -> tuple[CsvShape, list[str]]:
    """How to read a CSV that begins with ``start`` (UTF-8, of up to ``HEADER_LIMIT`` bytes).

    ``whole`` says that there is no more of it. Returns the shape and the cells of the header, as
    they stand. Raises E206 and E214.
    """
    mark = len(codecs.BOM_UTF8) if has_mark(start) else 0
    lead = len(start) - len(start[mark:].lstrip(b"\r\n"))
    text = start[lead:]
    if not text:
        raise ReleaseError("E206", file=name)
    length = header_length(text, whole=whole)
    if not length:
        raise ReleaseError("E214", file=name, line=1 + cut.count_lines(start, lead))
    record = text[:length].decode("utf-8")
    delimiter = _delimiter(record)
    skip = lead + length
    cells = _cells(record, delimiter)
    top = (lead, 1 + cut.count_lines(start, lead))
    return CsvShape(delimiter, encoding, skip, 1 + cut.count_lines(start, skip), top), cells


def header_length(text: bytes, *, whole: bool) -> int:
    """Bytes of the first record with its line end; 0 where it does not end in ``text``."""
    marks = cut.quotes(text, DELIMITERS.encode())
    for end in cut.outside(cut.line_ends(text), marks)[:1]:
        if whole or end < len(text) - 1 or text[end : end + 1] == b"\n":
            return int(end) + 1
    return len(text) if whole and not cut.is_open(marks) else 0


def _delimiter(record: str) -> str:
    """A comma, unless the header is one cell and another delimiter parts it."""
    if len(_cells(record, ",")) > 1:
        return ","
    return max(DELIMITERS, key=lambda delimiter: len(_cells(record, delimiter)))


def _cells(record: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter))


def transcode(
    blocks: Iterable[bytes], encoding: str, name: str, *, whole: bool = True
) -> Iterator[bytes]:
    """The same text in UTF-8, block by block; E212 names the line that does not decode.

    Unless it is ``whole`` the last character may be cut off, and is left out then.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    line = 1
    for block, final in _with_last(blocks):
        try:
            data = decoder.decode(block, final and whole).encode("utf-8")
        except UnicodeDecodeError as error:
            read = error.object[: error.start].decode(encoding, "ignore").encode("utf-8")
            where = line + cut.count_lines(read)
            raise ReleaseError("E212", file=name, encoding=encoding, line=where) from error
        line += cut.count_lines(data)
        yield data


def first_encoding(
    blocks: Callable[[], Iterable[bytes]], encodings: Sequence[str], name: str
) -> str | None:
    """The first of the encodings in which all of a text can be read (None is UTF-8).

    ``blocks`` begins the text anew. Raises the error of the last one: E212 or E213.
    """
    *others, last = encodings
    for encoding in others:
        try:
            return _readable(blocks(), encoding, name)
        except ReleaseError as error:
            if error.problem.code not in ("E212", "E213"):
                raise
    return _readable(blocks(), last, name)


def _readable(blocks: Iterable[bytes], encoding: str, name: str) -> str | None:
    line = 1
    for block in transcode(blocks, encoding, name):
        if (nul := block.find(b"\0")) >= 0:
            raise ReleaseError("E213", file=name, line=line + cut.count_lines(block, nul))
        line += cut.count_lines(block)
    return known_encoding(encoding)


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for block in blocks:
        yield block, False
    yield b"", True
