"""From paths to the tables that they hold, each with its header; no register is needed.

What one file cannot be read for says nothing of the others: it is kept as an error of that file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from epc_release.errors import ReleaseError
from epc_release.release.check.targets import Target
from epc_release.release.source import archive, detect, parquet
from epc_release.release.source.discover import BESIDE, GZIP_RATIO, distinct
from epc_release.release.source.find import Candidate, candidates, plain_spec
from epc_release.release.source.headline import csv_header
from epc_release.release.source.location import Location, head
from epc_release.release.source.model import LIMITS, CsvShape, Kind, Member, Part
from epc_release.schemas.register import HeaderMatch, TableDialect

EXTRA = "\0"  # begins our names of the columns that the schema does not have


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, or not to its end."""

    file: str
    error: ReleaseError


@dataclass
class Listing:
    """What the paths hold: ``parts`` in the order of their names; files left, with the reason."""

    parts: list[Part] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    @contextmanager
    def reading(self, file: str) -> Iterator[None]:
        """What cannot be read in here is noted for ``file``."""
        try:
            yield
        except ReleaseError as error:
            self.unread.append(Unread(file, error))


def list_files(paths: Sequence[str], targets: Sequence[Target], encoding: str | None) -> Listing:
    """Every table of the paths (files, folders, globs, zips, S3 URIs); reads headers only.

    ``encoding`` is that of CSVs without a byte order mark. Raises E106 (password in a URI) and E211
    (no such encoding); whatever else is wrong is noted.
    """
    walk = _Walk(targets, detect.known_encoding(encoding))
    for candidate in walk.candidates(paths):
        walk.file(candidate)
    walk.listing.parts.sort(key=lambda part: (part.name, part.location.key))
    return walk.listing


class _Walk:
    def __init__(self, targets: Sequence[Target], encoding: str | None) -> None:
        self.targets = targets
        self.encoding = encoding
        self.listing = Listing()

    def candidates(self, paths: Sequence[str]) -> list[Candidate]:
        """All files, each once; what a password was given for ends everything."""
        found: list[Candidate] = []
        for path in paths:
            try:
                found += candidates(plain_spec(path))
            except ReleaseError as error:
                if error.problem.code == "E106":
                    raise
                self.listing.unread.append(Unread(path, error))
        kept, left = distinct(found)
        self.listing.ignored += left
        return kept

    def file(self, candidate: Candidate) -> None:
        name, location = candidate.name, candidate.location
        why = None if candidate.given else _left(name)
        if why is not None:
            self.listing.ignored.append((name, why))
        elif location is not None:
            with self.listing.reading(name):
                self._tables(candidate, location)

    def _tables(self, candidate: Candidate, location: Location) -> None:
        name = candidate.name
        kind = detect.kind_by_content(name, head(location, name, 4))
        if kind == "parquet":
            names, rows = parquet.column_names(location, name)
            size = parquet.text_bytes(len(names), rows)
            self._add(candidate, location, name, kind, names, size)
        elif kind == "zip":
            members, left = archive.members(location, name, LIMITS)
            self.listing.ignored += left
            if not members:
                raise ReleaseError("E202", source=name)
            for member in members:
                with self.listing.reading(member.name):
                    self._csv(candidate, location, kind, member)
        else:
            self._csv(candidate, location, kind, None)

    def _csv(
        self, candidate: Candidate, location: Location, kind: Kind, member: Member | None
    ) -> None:
        name = member.name if member else candidate.name
        shape, header = csv_header(location, name, kind, encoding=self.encoding, member=member)
        size = location.size * (GZIP_RATIO if kind == "csv.gz" else 1)
        size = member.unpacked if member else size
        self._add(candidate, location, name, kind, header, size, shape, member)

    def _add(
        self,
        candidate: Candidate,
        location: Location,
        name: str,
        kind: Kind,
        header: Sequence[str],
        size: int,
        shape: CsvShape | None = None,
        member: Member | None = None,
    ) -> None:
        target = next((target for target in self.targets if target.holds(name)), None)
        if target is None:
            if candidate.given:
                raise ReleaseError("E261", file=name)
            self.listing.ignored.append((name, "no table of the data package"))
            return
        if target.spelling is not None and shape is not None and not target.spelling.dialect.headed:
            shape, header = shape.headless(), target.spelling.dialect.header
        part = Part(
            name=name,
            file=candidate.name,
            kind=kind,
            table=target.name,
            header=tuple(header),
            match=_columns(target, header),
            bytes=member.packed if member else location.size,
            text_bytes=size,
            location=location,
            csv=shape,
            member=member,
        )
        self.listing.parts.append(part)


def _left(name: str) -> str | None:
    """Why a file that was found, not named, is not looked at; None where it is."""
    base = PurePosixPath(name).name.lower()
    known = detect.kind_by_name(base) is not None
    return BESIDE.get(base, None if known else "not a CSV, CSV.gz, zip or Parquet file")


def _columns(target: Target, header: Sequence[str]) -> HeaderMatch:
    """Each column by its field's name; extra ones, and those that repeat a name, by position.

    None is one that a dialect knows and does not take on.
    """
    names: list[str | None] = []
    for position, name in enumerate(target.names(header)):
        known = name is None or (name in target.schema.by_name and name not in names)
        names.append(name if known else f"{EXTRA}{position}")
    dialect = TableDialect(
        dialect="schema",
        table=target.name,
        columns={},
        input_only=frozenset(),
        optional=frozenset(),
        missing={},
        screened_upstream=(),
    )
    return HeaderMatch(dialect, tuple(names))
