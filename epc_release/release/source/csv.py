"""CSV in chunks: the driver cuts a stream where records end, a task parses what it was given."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.csv as pc

from epc_release.errors import ReleaseError
from epc_release.release.disk import private
from epc_release.release.source import cut, detect
from epc_release.release.source.location import LocalFile, check_unchanged, opened, read
from epc_release.release.source.model import Chunk, CsvShape, Part, RaggedRow, RawTable
from epc_release.release.source.stream import Digests, is_plain, part_blocks

_BLOCK = 4 << 20  # bytes; of 1 to 32 MiB the fastest for 93 columns as dictionaries
_READ = 1 << 20  # bytes; small enough for the processor's cache
_RECORD = re.compile(rb"[^\r\n]")
_TEXT = pa.string()
_CATEGORY = pa.dictionary(pa.int32(), pa.string())
_TAIL = 64 << 10  # bytes at the end of a stretch in which a record most likely ends
_LAST: dict[tuple[Path | None, int, int], cut.Records] = {}
_HELD: dict[tuple[Path | None, int, int], bytes] = {}


@dataclass(frozen=True)
class _Piece:
    """Whole records: the first ``length`` bytes of ``data``; where and on which line they begin.

    ``lines`` are their line ends, None where they were cut by a limit.
    """

    data: bytes
    length: int
    offset: int
    line: int
    lines: int | None = None
    records: int | None = None


def chunks(
    part: Part,
    *,
    work: Path,
    chunk_bytes: int,
    limit: int | None,
    digests: Digests | None,
    blank: bool = False,
) -> Iterator[Chunk]:
    """The records of a CSV part in chunks of about ``chunk_bytes`` (UTF-8) bytes.

    A plain local file is cut in place; all else is written piece by piece to private files under
    ``work``. With ``limit`` no more than that many records, and no digest of a file not read out.
    Chunks of nothing but blank lines are left out, unless ``blank``.
    """
    shape = _shape(part)
    local = part.location if is_plain(part) and isinstance(part.location, LocalFile) else None
    number = 0
    for piece in _pieces(part, shape, chunk_bytes, limit, digests):
        if not ((blank and piece.length) or _RECORD.search(piece.data, 0, piece.length)):
            continue
        share = piece.offset + piece.length
        chunk = Chunk(
            part,
            number,
            piece.line,
            length=piece.length,
            records=piece.records,
            lines=piece.lines,
            consumed=min(share * part.bytes // max(part.text_bytes, 1), part.bytes),
        )
        if local:
            placed = replace(chunk, path=local.path, offset=piece.offset)
            with _held(placed, piece):
                yield placed
        else:
            yield replace(chunk, path=_stage(piece, chunk, work), staged=True)
        number += 1
        del piece  # before the next text is read: one at a time, in the same memory


@contextmanager
def _held(chunk: Chunk, piece: _Piece) -> Iterator[None]:
    """The text of a chunk at hand, for a task that is run in this very process.

    Only where it needs no copy: nobody else may ask for it.
    """
    if piece.length == len(piece.data):
        _HELD[_place(chunk)] = piece.data
    try:
        yield
    finally:
        _HELD.clear()


def _place(chunk: Chunk) -> tuple[Path | None, int, int]:
    return chunk.path, chunk.offset, chunk.length


def _shape(part: Part) -> CsvShape:
    if part.csv is None:
        raise TypeError(f"{part.kind} parts have no CSV shape")
    return part.csv


def _stage(piece: _Piece, chunk: Chunk, work: Path) -> Path:
    """Writes a file of mode 0600; what could not be written whole is removed."""
    path = Chunk.staged_path(work, chunk.part, chunk.first_line, "csv")
    try:
        with open(path, "wb", opener=private) as stream:
            stream.write(memoryview(piece.data)[: piece.length])
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _pieces(
    part: Part, shape: CsvShape, chunk_bytes: int, limit: int | None, digests: Digests | None
) -> Iterator[_Piece]:
    """Cuts the text; raises E215 (quote never closed) and E216 (record too long)."""
    delimiter = shape.delimiter.encode()
    offset, line, left = shape.skip, shape.first_line, limit
    if digests is None and is_plain(part) and isinstance(part.location, LocalFile):
        stretches = _in_place(part, shape, chunk_bytes)
    else:
        blocks = part_blocks(part, min(chunk_bytes, _READ), digests)
        stretches = _gathered(blocks, shape, chunk_bytes)
    for data, held, final in stretches:
        length = _whole(data, part.name, delimiter, line=line, final=final)
        lines = cut.count_lines(data, length)
        piece = _Piece(data, length, offset, line, lines)
        if left is not None:
            piece = _first(piece, delimiter, left)
            left -= piece.records or 0
        yield piece
        if left == 0:
            return
        held.append(data[length:])
        offset += length
        line += lines
        del data, piece


def _in_place(
    part: Part, shape: CsvShape, chunk_bytes: int
) -> Iterator[tuple[bytes, list[bytes], bool]]:
    """As ``_gathered``, straight from the file: what the caller leaves is read again."""
    place, enough, cut_before = shape.skip, chunk_bytes, True
    with opened(part.location, part.name) as stream:
        while place < part.location.size:
            wanted = min(enough, part.location.size - place)
            if cut_before and place + wanted < part.location.size:
                wanted -= _after_line(stream, part.name, place, wanted)
            stream.seek(place)
            data = read(stream, part.name, wanted)
            if len(data) < wanted:
                break  # the file shrank
            held: list[bytes] = []
            yield data, held, place + len(data) >= part.location.size
            left = sum(map(len, held))
            place += len(data) - left
            enough = max(chunk_bytes, 2 * left)
            cut_before = left < len(data)  # else that line end was inside a record
            del data
    check_unchanged(part.location, part.name)


def _after_line(stream: BinaryIO, name: str, start: int, length: int) -> int:
    """How many bytes a stretch of a file has after its last line end; 0 where none is near.

    Without them it most likely ends with a record, and need not be copied to be cut.
    """
    size = min(_TAIL, length)
    stream.seek(start + length - size)
    tail = read(stream, name, size)
    return len(tail) - 1 - tail.rfind(b"\n") if b"\n" in tail else 0


def has_records(data: bytes) -> bool:
    """Is there more than blank lines?"""
    return _RECORD.search(data) is not None


def count_records(blocks: Iterator[bytes], shape: CsvShape, name: str) -> int:
    """How many records stand after the header of a text in UTF-8; raises E215 and E216."""
    delimiter = shape.delimiter.encode()
    count, line = 0, shape.first_line
    for data, held, final in _gathered(blocks, shape, _BLOCK):
        length = _whole(data, name, delimiter, line=line, final=final)
        count += len(cut.records(data[:length], delimiter).starts)
        held.append(data[length:])
        line += cut.count_lines(data, length)
    return count


def _gathered(
    blocks: Iterator[bytes], shape: CsvShape, chunk_bytes: int
) -> Iterator[tuple[bytes, list[bytes], bool]]:
    """The text after the header in stretches of at least ``chunk_bytes``; the last is marked.

    The list beside each takes what the caller leaves of it, which then begins the next.
    """
    skip, held, size, enough = shape.skip, list[bytes](), 0, chunk_bytes
    for block in blocks:
        text = block[skip:] if skip else block
        skip = max(0, skip - len(block))
        held.append(text)
        size += len(text)
        if size >= enough:
            data = b"".join(held)
            held.clear()
            yield data, held, False
            size = sum(map(len, held))
            enough = max(chunk_bytes, 2 * size)  # a long record is not looked at again and again
    data = b"".join(held)
    if data:
        yield data, [], True


def _whole(data: bytes, name: str, delimiter: bytes, *, line: int, final: bool) -> int:
    """Length of the whole records that ``data`` begins with."""
    marks = cut.quotes(data, delimiter)
    length = cut.last_end(data, marks, final=final)
    if len(data) - length > cut.MAX_RECORD:
        where = line + cut.count_lines(data, length)
        raise ReleaseError("E216", file=name, line=where, limit=cut.MAX_RECORD >> 20)
    if final and cut.is_open(marks):
        raise ReleaseError("E215", file=name, line=line + cut.count_lines(data, length))
    return len(data) if final else length


def _first(piece: _Piece, delimiter: bytes, limit: int) -> _Piece:
    """The first ``limit`` records of a piece."""
    starts = cut.records(piece.data[: piece.length], delimiter).starts
    if len(starts) <= limit:
        return replace(piece, records=len(starts))
    return replace(piece, length=int(starts[limit]), lines=None, records=limit)


def read_bytes(chunk: Chunk) -> bytes:
    """The text of a chunk; raises E207 where the file is no longer what was listed."""
    if chunk.path is None:
        raise TypeError("a CSV chunk has a path")
    if (held := _HELD.get(_place(chunk))) is not None:
        check_unchanged(chunk.part.location, chunk.part.name)
        return held
    try:
        with chunk.path.open("rb") as stream:
            stream.seek(chunk.offset)
            data = stream.read(chunk.length)
    except OSError as error:
        raise ReleaseError("E207", file=chunk.part.name) from error
    if len(data) != chunk.length:
        raise ReleaseError("E207", file=chunk.part.name)
    if not chunk.staged:
        check_unchanged(chunk.part.location, chunk.part.name)
    return data


def read_chunk(
    chunk: Chunk, wanted: Collection[str] | None = None, plain: Collection[str] = ()
) -> RawTable:
    """Parses a chunk (see ``RawTable``); E210 and E213 name the line of bytes that are not text."""
    return parse(read_bytes(chunk), chunk, wanted, plain)


def parse(
    data: bytes,
    chunk: Chunk,
    wanted: Collection[str] | None = None,
    plain: Collection[str | None] = (),
    block: int = 0,
) -> RawTable:
    """The same for the ``data`` of a chunk, once they have been read.

    ``block`` bytes are parsed at a time; columns of text come in as many pieces.
    """
    detect.check_utf8(data, chunk.part.name, line=chunk.first_line)
    # by position, because columns that are not taken on may share a spelling
    names = [str(i) for i in range(len(chunk.part.header))]
    ours = [
        (names[i], our)
        for i, our in enumerate(chunk.part.match.columns)
        if our is not None and (wanted is None or our in wanted)
    ]
    types = {name: _TEXT if our in plain else _CATEGORY for name, our in ours}
    convert = pc.ConvertOptions(
        check_utf8=False,  # the whole text has been checked
        column_types=types,
        include_columns=[name for name, _ in ours],
        strings_can_be_null=False,
        null_values=[],
    )
    table, ragged = _table(data, block or _BLOCK, names, convert, chunk)
    renamed = table.rename_columns([our for _, our in ours])
    whole = renamed if block else renamed.unify_dictionaries().combine_chunks()
    return RawTable(whole, ragged)


def _table(
    data: bytes, block: int, names: list[str], convert: pc.ConvertOptions, chunk: Chunk
) -> tuple[pa.Table, list[RaggedRow]]:
    size = _block_size(data, block)
    try:
        return _in_blocks(data, size, names, convert, chunk)
    except pa.ArrowInvalid:
        if size > len(data):
            raise
    # a record longer than a block: checked, then parsed as one block
    _check_lengths(data, chunk)
    return _in_blocks(data, len(data) + 1, names, convert, chunk)


def _in_blocks(
    data: bytes, size: int, names: list[str], convert: pc.ConvertOptions, chunk: Chunk
) -> tuple[pa.Table, list[RaggedRow]]:
    ragged: list[RaggedRow] = []

    def on_ragged(row: pc.InvalidRow) -> Literal["skip"]:
        # numbered from 1, and only because no threads are used
        number = int(row.number or 0) - 1
        ragged.append(RaggedRow(number, row.expected_columns, row.actual_columns, row.text))
        return "skip"

    read = pc.ReadOptions(use_threads=False, block_size=size, column_names=names)
    parse = pc.ParseOptions(
        delimiter=_shape(chunk.part).delimiter,
        newlines_in_values=True,
        invalid_row_handler=on_ragged,
    )
    source: Any = pa.BufferReader(data)  # a file object, which the stubs do not know
    return pc.read_csv(source, read, parse, convert), ragged


def _block_size(data: bytes, size: int) -> int:
    """At most ``size``, such that no block ends between CR and LF.

    pyarrow drops an LF that begins a block after a CR, inside quotes too (seen in 26.0).
    """
    while any(data[end - 1 : end + 1] == b"\r\n" for end in range(size, len(data), size)):
        size -= 1
    return size


def _check_lengths(data: bytes, chunk: Chunk) -> None:
    found = cut.records(data, _shape(chunk.part).delimiter.encode())
    for index in (found.ends - found.starts > cut.MAX_RECORD).nonzero()[0][:1]:
        line = chunk.first_line + int(found.lines[index])
        limit = cut.MAX_RECORD >> 20
        raise ReleaseError("E216", file=chunk.part.name, line=line, limit=limit)


def line_numbers(chunk: Chunk, numbers: Sequence[int]) -> list[int]:
    """Physical lines (from 1, of the text) on which these records of a chunk begin."""
    found = _records(chunk)
    return [chunk.first_line + int(found.lines[number]) for number in numbers]


def raw_records(chunk: Chunk, numbers: Sequence[int]) -> list[str]:
    """The text of these records as it stands, without line end."""
    found = _records(chunk)
    if not numbers or chunk.path is None:
        return []
    texts = []
    with chunk.path.open("rb") as stream:
        for number in numbers:
            start = int(found.starts[number])
            stream.seek(chunk.offset + start)
            texts.append(stream.read(int(found.ends[number]) - start).decode("utf-8"))
    return texts


def _records(chunk: Chunk) -> cut.Records:
    """Where the records of a chunk stand; the last answer is kept, for it is asked for twice."""
    place = _place(chunk)
    if place not in _LAST:
        _LAST.clear()
        _LAST[place] = cut.records(read_bytes(chunk), _shape(chunk.part).delimiter.encode())
    return _LAST[place]
