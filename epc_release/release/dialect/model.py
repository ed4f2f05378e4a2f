"""What is found of a file, its header and each of its columns; names and shares, never values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from epc_release.release.source.model import Kind
from epc_release.schemas.register import TableDialect

Way = Literal["exact", "alias", "loose", "close", "content", "repeated", "unnamed", "unknown"]
"""How a column is known: a spelling of the nearest dialect; of another, or our name; the same
letters and digits; alike; by its values alone; twice in the header; without a name; not at all."""

Records = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Text:
    """How a CSV is written, as far as its beginning tells.

    ``encoding`` is as Python names it; ``sure`` where a mark or the bytes prove it; ``to_name``
    where a build reads it only if it is told the encoding. ``line_ends`` is LF, CRLF, CR, mixed or
    none.
    """

    encoding: str
    mark: bool
    sure: bool
    to_name: bool
    delimiter: str
    line_ends: str


@dataclass(frozen=True)
class Found:
    """One file or zip member: its header (cells of its first line) and the records after it.

    ``records`` are those of its beginning that have as many cells as the header.
    """

    name: str
    kind: Kind
    header: tuple[str, ...]
    records: Records
    text: Text | None = None


@dataclass(frozen=True)
class Candidate:
    """A column of ours that a header's column may be.

    ``likeness`` of the spellings is 0 to 1; ``fits`` the share (0 to 1) of distinct sample values
    that the field allows, None where its values could be anything or there are none.
    """

    name: str
    likeness: float
    fits: float | None


@dataclass(frozen=True)
class Column:
    """One column of a header: what it would be read as.

    ``position`` counts from 1; ``spelling`` is as the header has it, or empty where it must not be
    shown. ``decided`` tells that the column has its place: ``name`` is ours, or None where it is
    known and not taken on. Otherwise ``candidates`` says what it may be, the likeliest first.
    """

    position: int
    spelling: str
    way: Way
    decided: bool
    name: str | None = None
    likeness: float = 0.0
    fits: float | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Alike:
    """How near a header is to one table: ``score`` 0 to 1, in the dialect that is nearest.

    ``known`` columns of the header, and ``missing`` names of ours that such files must have.
    """

    dialect: TableDialect
    score: float
    known: int
    missing: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class HeaderReport:
    """One distinct header with all the files that have it.

    ``exact`` tells that a build knows all its columns; else ``problem`` says why not (code and
    message). ``nearest`` is None where the header is like no table, or its first line is a record
    (``headed`` False); ``tables`` are the scores of the register's tables, the nearest first.
    """

    files: tuple[str, ...]
    kinds: tuple[Kind, ...]
    texts: tuple[Text, ...]
    width: int
    sampled: int
    headed: bool
    exact: bool
    problem: tuple[str, str] | None
    nearest: Alike | None
    tables: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class Inspection:
    """All headers of some paths; ``ignored`` files with the reason, ``unread`` with code and
    message."""

    register: str
    headers: tuple[HeaderReport, ...]
    ignored: tuple[tuple[str, str], ...]
    unread: tuple[tuple[str, str, str], ...]
