"""Where the records of a piece of CSV begin and end, without looking at each byte in Python.

The rules are those of Python's ``csv`` module and of pyarrow: a quote opens a field only where the
field begins; inside it a doubled quote is a quote; LF, CRLF or a lone CR outside quotes ends the
record. All functions take bytes that begin at a record's first byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_RECORD = 16 << 20  # bytes; a longer record is refused (most often a quote is never closed)

_STRETCH = 1 << 20  # bytes
_QUOTE, _LF, _CR = 34, 10, 13
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """The records of a piece, blank lines left out: first byte and end (without its line end)."""

    starts: Positions
    ends: Positions
    lines: Positions  # physical lines before each record, counted from the piece's first


def count_lines(data: bytes, end: int | None = None) -> int:
    """How many line ends ``data`` has before ``end``: LF, CRLF and lone CR count one each."""
    stop = len(data) if end is None else end
    codes = np.frombuffer(data, np.uint8, stop)
    starts = range(0, stop, _STRETCH)
    lines = sum(int(np.count_nonzero(codes[i : i + _STRETCH] == _LF)) for i in starts)
    if data.find(b"\r", 0, stop) >= 0:
        returns = _positions(codes, _CR)
        lines += int(np.count_nonzero(codes[np.minimum(returns + 1, stop - 1)] != _LF))
    return lines


def quotes(data: bytes, delimiters: bytes) -> Positions:
    """Positions of the quotes that open or close a quoted field, in turn (the even ones open).

    ``delimiters`` are all the bytes after which a field may begin. A doubled quote inside a field
    counts as closing and opening again, which changes nothing for what is outside quotes.
    """
    codes = np.frombuffer(data, np.uint8)
    found = _positions(codes, _QUOTE)
    opening = found[0::2]
    before = codes[opening - 1]  # of position 0 this is the last byte, and not used
    begins = (before == _LF) | (before == _CR)
    for delimiter in delimiters:
        begins |= before == delimiter
    begins[opening == 0] = True
    doubled = np.zeros(len(opening), dtype=bool)
    doubled[1:] = found[1:-1:2] == opening[1:] - 1
    return found if bool(np.all(begins | doubled)) else _walk(data, found.tolist(), delimiters)


def _positions(codes: npt.NDArray[np.uint8], code: int) -> Positions:
    """Where an octet stands, found in stretches that fit the processor's cache."""
    if len(codes) <= _STRETCH:
        return np.flatnonzero(codes == code)
    starts = range(0, len(codes), _STRETCH)
    return np.concatenate([np.flatnonzero(codes[i : i + _STRETCH] == code) + i for i in starts])


def _walk(data: bytes, found: list[int], delimiters: bytes) -> Positions:
    """The same where quotes also stand inside unquoted text, one quote at a time."""
    starters = delimiters + b"\r\n"
    kept: list[int] = []
    inside, skip = False, -1
    for position in found:
        if position == skip:
            continue
        if inside and data[position + 1 : position + 2] == b'"':
            skip = position + 1
        elif inside or position == 0 or data[position - 1] in starters:
            kept.append(position)
            inside = not inside
    return np.array(kept, dtype=np.int64)


def last_end(data: bytes, marks: Positions, *, final: bool) -> int:
    """Length of the longest beginning of ``data`` that is whole records; 0 where none ends.

    A lone CR ends a record only where no LF does; the last byte of a piece is not taken for a lone
    CR unless the piece is ``final``, because an LF may follow.
    """
    for mark, stop in ((b"\n", len(data)), (b"\r", len(data) if final else len(data) - 1)):
        upper = stop
        if mark not in data:
            continue
        for index in range(len(marks), -1, -1):
            lower = int(marks[index - 1]) + 1 if index else 0
            if index % 2 == 0:
                found = data.rfind(mark, lower, upper)
                if found >= 0:
                    return found + 1
            upper = min(stop, lower - 1)
    return 0


def is_open(marks: Positions) -> bool:
    """Does the piece end inside quotes?"""
    return len(marks) % 2 == 1


def line_ends(data: bytes) -> Positions:
    """Positions of the bytes that end physical lines; of CRLF it is the LF."""
    codes = np.frombuffer(data, np.uint8)
    feeds = _positions(codes, _LF)
    if data.find(b"\r") < 0:
        return feeds
    returns = _positions(codes, _CR)
    alone = returns[codes[np.minimum(returns + 1, len(codes) - 1)] != _LF]
    return np.union1d(feeds, alone) if len(alone) else feeds


def outside(ends: Positions, marks: Positions) -> Positions:
    """Those of the positions that are not inside quotes."""
    kept: Positions = ends[np.searchsorted(marks, ends) % 2 == 0]
    return kept


def records(data: bytes, delimiter: bytes) -> Records:
    """All records of ``data``; the last may lack its line end."""
    codes = np.frombuffer(data, np.uint8)
    lines = line_ends(data)
    final = outside(lines, quotes(data, delimiter))
    starts = np.concatenate((np.zeros(1, np.int64), final + 1))
    ends = np.concatenate((final, np.full(1, len(codes), np.int64)))
    crlf = (final > starts[:-1]) & (codes[final] == _LF) & (codes[final - 1] == _CR)
    ends[:-1] -= crlf
    kept = ends > starts
    return Records(starts[kept], ends[kept], np.searchsorted(lines, starts[kept]))


def blank_lines(data: bytes, delimiter: bytes) -> Positions:
    """Numbers (from 0, counted from the first of ``data``) of the lines that are blank.

    Those inside quotes are no lines of their own.
    """
    codes = np.frombuffer(data, np.uint8)
    lines = line_ends(data)
    final = outside(lines, quotes(data, delimiter))
    starts = np.concatenate((np.zeros(1, np.int64), final[:-1] + 1))
    length = final - starts
    crlf = (length == 1) & (codes[starts[: len(final)]] == _CR) & (codes[final] == _LF)
    found: Positions = np.searchsorted(lines, final[(length == 0) | crlf])
    return found
