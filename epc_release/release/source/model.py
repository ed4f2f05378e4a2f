"""What a source is made of: parts (files, zip members, Parquet files) and chunks of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from epc_release.release.source.location import Location
from epc_release.schemas.register import HeaderMatch

Kind = Literal["csv", "csv.gz", "zip", "parquet"]


@dataclass(frozen=True)
class ZipLimits:
    """What an archive may hold before it is taken for a bomb.

    ``members`` of one zip; ``total_bytes`` of all its members, or of one gzip file, unpacked;
    ``ratio`` of unpacked to packed bytes of anything over 16 MiB (the register's own archives
    reach 12).
    """

    members: int = 20_000
    total_bytes: int = 512 << 30
    ratio: int = 250


LIMITS = ZipLimits()


@dataclass(frozen=True)
class SourceSpec:
    """One ``--source``: ``text`` as given, ``place`` (path or URI) and the table forced on it."""

    text: str
    place: str
    table: str | None = None


@dataclass(frozen=True)
class Member:
    """A file inside a zip: where its bytes stand (sizes and offsets in bytes)."""

    name: str
    method: int
    header_offset: int
    packed: int
    unpacked: int
    crc: int


@dataclass(frozen=True)
class CsvShape:
    """What is needed to read a CSV's records: ``encoding`` None is UTF-8.

    ``skip`` is the length in UTF-8 bytes of all that stands before the first record (byte order
    mark, blank lines, header), ``first_line`` the physical line (from 1) on which that begins.
    ``top`` is the same pair for what was taken for the header, which may be a record itself.
    """

    delimiter: str
    encoding: str | None
    skip: int
    first_line: int
    top: tuple[int, int] = (0, 1)

    def headless(self) -> CsvShape:
        """The same where the first line is a record."""
        return replace(self, skip=self.top[0], first_line=self.top[1])


@dataclass(frozen=True)
class Part:
    """One sequence of records of one table.

    ``name`` is for people (``folder/file.zip!member.csv``) and ``file`` the file as stored that it
    stands in; neither is ever used as a path. ``bytes`` are as stored, ``text_bytes`` an estimate
    of the CSV text, both for progress and planning.
    """

    name: str
    file: str
    kind: Kind
    table: str
    header: tuple[str, ...]
    match: HeaderMatch
    bytes: int
    text_bytes: int
    location: Location
    csv: CsvShape | None = None
    member: Member | None = None
    timezone: str = "Europe/London"  # of times with a zone in Parquet, when written as local text
    limits: ZipLimits = LIMITS


@dataclass(frozen=True)
class ControlFile:
    """What ``extract.json`` says of one stored file and one table in it."""

    key: str  # identity of the location
    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ControlTable:
    rows: int
    files: tuple[ControlFile, ...]


@dataclass(frozen=True)
class ControlSuppressions:
    """The suppression list that belongs to the extract; ``as_of`` is aware."""

    path: str
    key: str
    as_of: datetime
    sha256: str | None


@dataclass(frozen=True)
class Control:
    """An ``extract.json``, checked; ``snapshot_time`` is aware."""

    name: str
    register: str
    dialect: str | None
    synthetic: bool
    snapshot_time: datetime
    tables: dict[str, ControlTable]
    suppressions: ControlSuppressions | None


@dataclass(frozen=True)
class RefusedFile:
    """A file left out as a whole: the error's ``code`` and text, and its records if known."""

    name: str
    code: str
    problem: str
    records: int | None = None


@dataclass(frozen=True)
class Inventory:
    """Everything that the sources hold, sorted by name; ``ignored`` tells each file left and why.

    ``suppressions_seen`` are lists found beside the data: they are reported, never used.
    ``refused`` are files that the register lets a build go on without.
    """

    parts: tuple[Part, ...]
    control: Control | None = None
    suppressions_seen: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    refused: tuple[RefusedFile, ...] = ()

    def of(self, table: str) -> tuple[Part, ...]:
        """The parts of one table."""
        return tuple(part for part in self.parts if part.table == table)


@dataclass(frozen=True)
class FileDigest:
    """Size in bytes and lower-case sha256 of a file as stored, seen while it was read."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Chunk:
    """One task's input: whole records of one part; picklable.

    CSV: ``length`` bytes from ``offset`` of ``path``, UTF-8 without header. Parquet: ``row_groups``
    of the part, or rows of an Arrow file at ``path`` where ``staged``. ``first_line`` is the
    physical line of the first record (Parquet: row number), from 1; ``records`` is known for
    Parquet and where a limit was set, ``lines`` (the text's line ends) where none was; ``consumed``
    tells about how many of the part's stored bytes
    have been read when this chunk has been (for progress).
    """

    part: Part
    number: int
    first_line: int
    path: Path | None = None
    offset: int = 0
    length: int = 0
    staged: bool = False
    records: int | None = None
    lines: int | None = None
    row_groups: tuple[int, ...] = ()
    consumed: int = 0

    @staticmethod
    def staged_path(work: Path, part: Part, first_line: int, suffix: str) -> Path:
        """Where a chunk is staged: the same place each time, so that a task can be known again."""
        name = f"{part.location.key} {part.name} {part.table} {first_line}"
        return work / f"chunk-{hashlib.sha256(name.encode()).hexdigest()[:24]}.{suffix}"

    def discard(self) -> None:
        """Deletes the staged file; the user's own files are never touched."""
        if self.staged and self.path is not None:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RaggedRow:
    """A record that has more or fewer fields than the header; ``record`` counts from 0."""

    record: int
    expected: int
    actual: int
    text: str


@dataclass(frozen=True)
class RawTable:
    """The records of a chunk as text, ragged ones apart: records = rows of ``table`` + ``ragged``.

    Columns have our names, in the order of the header; each is ``string`` or
    ``dictionary<int32, string>`` and has no nulls.
    """

    table: pa.Table
    ragged: list[RaggedRow] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Records of the chunk, ragged ones included."""
        return int(self.table.num_rows) + len(self.ragged)

    def records_of(self, rows: Sequence[int]) -> list[int]:
        """Numbers of the records (in the chunk, from 0) that became these rows of ``table``."""
        return [int(n) for n in self.record_numbers(np.asarray(rows, dtype=np.int64))]

    def record_numbers(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The same for an array of rows."""
        # the i-th ragged record has record - i good ones before it
        gaps = np.array([row.record - i for i, row in enumerate(self.ragged)], dtype=np.int64)
        found: npt.NDArray[np.int64] = rows + np.searchsorted(gaps, rows, side="right")
        return found
