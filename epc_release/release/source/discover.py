"""What the sources hold: every file, zip member and object recognised by its header.

Nothing but headers, zip directories, Parquet footers and the control file is read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

from epc_release.errors import ReleaseError
from epc_release.release.source import archive, control, csv, detect, parquet
from epc_release.release.source.find import Candidate, candidates, parse_spec
from epc_release.release.source.headline import csv_header
from epc_release.release.source.location import LocalFile, Location, head
from epc_release.release.source.model import (
    LIMITS,
    Control,
    CsvShape,
    Inventory,
    Kind,
    Member,
    Part,
    RefusedFile,
    ZipLimits,
)
from epc_release.release.source.stream import text_blocks
from epc_release.schemas.header import match_header
from epc_release.schemas.register import Register

SUPPRESSIONS = "suppressions.csv"
BESIDE = {
    control.NAME: "the control file of an extract",
    SUPPRESSIONS: "a suppression list",
    "columns.csv": "describes the columns",
}
# what is wrong with one file and says nothing of the others
REFUSED = (
    *("E122", "E123", "E124", "E125", "E126", "E129"),
    *("E206", "E210", "E212", "E213", "E214", "E215", "E216"),
)

GZIP_RATIO = 8  # about, of CSV to its gzip; the true size stands nowhere reliable
_Ignored = list[tuple[str, str]]


@dataclass(frozen=True)
class _Reader:
    """What it takes to turn a candidate into parts."""

    register: Register
    encoding: str | None
    limits: ZipLimits
    refused: list[ReleaseError] = field(default_factory=list)
    left: list[RefusedFile] = field(default_factory=list)

    def refuse(self, error: ReleaseError, name: str, records: int | None) -> None:
        """Leaves a file out as a whole, where the register says so; raises the error elsewhere."""
        if self.register.refuse != "file" or error.problem.code not in REFUSED:
            raise error
        self.refused.append(error)
        self.left.append(RefusedFile(name, error.problem.code, str(error), records))


def discover(
    sources: Sequence[str],
    register: Register,
    *,
    encoding: str | None = None,
    limits: ZipLimits = LIMITS,
) -> Inventory:
    """Lists every part of the sources; raises E106, E12x and E200 to E252.

    ``encoding`` is that of all CSVs without the byte order mark of UTF-8; where none is given the
    register's ``encodings`` are tried on the whole of each. Files that are refused are listed where
    the register lets a build go on without them.
    """
    if not sources:
        raise ReleaseError("E200")
    specs = [parse_spec(text, register) for text in sources]
    reader = _Reader(register, detect.known_encoding(encoding), limits)
    found, ignored = distinct([c for spec in specs for c in candidates(spec)])
    found, told = _control(found, register)
    found, seen = _suppressions(found, told)
    parts: list[Part] = []
    for candidate in found:
        parts += _parts(candidate, reader, ignored)
    if reader.refused and not parts:
        raise reader.refused[0]
    if not parts:
        raise ReleaseError("E202", source=", ".join(spec.place for spec in specs))
    if told:
        parts = [control.as_told(told, part, register) for part in parts]
        control.check_files(told, parts)
    parts.sort(key=lambda part: (part.name, part.location.key))
    left = tuple(sorted(reader.left, key=lambda file: file.name))
    return Inventory(tuple(parts), told, seen, tuple(sorted(ignored)), left)


def distinct(found: Sequence[Candidate]) -> tuple[list[Candidate], _Ignored]:
    """Each file once, with a name that no other has; and those left, with the reason."""
    ignored = [(c.name, c.why) for c in found if c.location is None]
    by_key: dict[str, Candidate] = {}
    for candidate in found:
        if candidate.location is None:
            continue
        first = by_key.setdefault(candidate.location.key, candidate)
        if first is candidate:
            continue
        if candidate.table != first.table:
            raise ReleaseError("E209", file=candidate.name)
        ignored.append((candidate.name, f"the same file as {first.name}"))
    names = Counter(candidate.name for candidate in by_key.values())
    kept = [replace(c, name=c.place) if names[c.name] > 1 else c for c in by_key.values()]
    return kept, ignored


def _control(found: list[Candidate], register: Register) -> tuple[list[Candidate], Control | None]:
    """Takes the control file out of the candidates and reads it."""
    controls = [c for c in found if PurePosixPath(c.name).name == control.NAME]
    if not controls:
        return found, None
    if len(controls) > 1:
        raise ReleaseError("E245", files=", ".join(sorted(c.name for c in controls)))
    location = _location(controls[0])
    told = control.read_control(
        location, controls[0].name, register, partial(_key_beside, location)
    )
    rest = [c for c in found if c is not controls[0]]
    if told.suppressions and told.suppressions.key not in {_location(c).key for c in rest}:
        path = told.suppressions.path
        raise ReleaseError("E241", file=told.name, path=path, table="suppressions")
    return rest, told


def _location(candidate: Candidate) -> Location:
    if candidate.location is None:
        raise TypeError("candidates that are left have no location")
    return candidate.location


def _key_beside(location: Location, path: str) -> str:
    """The key of the file that ``path`` means beside the control file."""
    if isinstance(location, LocalFile):
        return str(location.path.parent.joinpath(path).resolve())
    return f"{location.key.rpartition('/')[0]}/{path}"


def _suppressions(
    found: list[Candidate], told: Control | None
) -> tuple[list[Candidate], tuple[str, ...]]:
    """Takes suppression lists out of the candidates: they are reported and not used."""
    named = told.suppressions.key if told and told.suppressions else None
    lists = [
        c
        for c in found
        if PurePosixPath(c.name).name.lower() == SUPPRESSIONS or _location(c).key == named
    ]
    return [c for c in found if c not in lists], tuple(sorted(c.name for c in lists))


def _parts(candidate: Candidate, reader: _Reader, ignored: _Ignored) -> Iterator[Part]:
    location, name = _location(candidate), candidate.name
    base = PurePosixPath(name).name.lower()
    why = BESIDE.get(base)
    if why is None and not candidate.given and detect.kind_by_name(base) is None:
        why = "not a CSV, CSV.gz, zip or Parquet file"
    if why:
        ignored.append((name, why))
        return
    try:
        kind = detect.kind_by_content(name, head(location, name, 4))
    except ReleaseError as error:
        reader.refuse(error, name, 0 if error.problem.code == "E206" else None)
        return
    if kind == "zip":
        yield from _zip_parts(candidate, location, reader, ignored)
    elif kind == "parquet":
        header, rows = parquet.header(location, name)
        estimate = parquet.text_bytes(len(header), rows)
        yield _part(candidate, location, kind, reader, header, estimate)
    else:
        estimate = location.size * (GZIP_RATIO if kind == "csv.gz" else 1)
        yield from _csv_part(candidate, location, kind, reader, estimate)


def _zip_parts(
    candidate: Candidate, location: Location, reader: _Reader, ignored: _Ignored
) -> Iterator[Part]:
    found, left = archive.members(location, candidate.name, reader.limits)
    ignored += left
    if not found:
        raise ReleaseError("E202", source=candidate.name)
    for member in found:
        yield from _csv_part(candidate, location, "zip", reader, member.unpacked, member)


def _csv_part(
    candidate: Candidate,
    location: Location,
    kind: Kind,
    reader: _Reader,
    text_bytes: int,
    member: Member | None = None,
) -> Iterator[Part]:
    """The part of one CSV, or none where it is refused."""
    name = member.name if member else candidate.name
    shape = None
    try:
        shape, header = csv_header(
            location,
            name,
            kind,
            encoding=reader.encoding,
            encodings=reader.register.encodings,
            limits=reader.limits,
            member=member,
        )
        found = _part(
            candidate, location, kind, reader, header, text_bytes, shape=shape, member=member
        )
    except ReleaseError as error:
        records = _records(location, name, kind, reader, member, shape) if shape else None
        reader.refuse(error, name, records)
        return
    yield found


def _records(
    location: Location,
    name: str,
    kind: Kind,
    reader: _Reader,
    member: Member | None,
    shape: CsvShape,
) -> int | None:
    """How many records a CSV has that is to be refused; None where that cannot be read either."""
    if reader.register.refuse != "file":
        return None
    raw = text_blocks(location, name, kind, member=member, limits=reader.limits)
    text = detect.transcode(raw, shape.encoding, name) if shape.encoding else raw
    try:
        return csv.count_records(text, shape, name)
    except ReleaseError:
        return None


def _part(
    candidate: Candidate,
    location: Location,
    kind: Kind,
    reader: _Reader,
    header: Sequence[str],
    text_bytes: int,
    *,
    shape: CsvShape | None = None,
    member: Member | None = None,
) -> Part:
    name = member.name if member else candidate.name
    match = match_header(header, reader.register, file=name, table=candidate.table)
    return Part(
        name=name,
        file=candidate.name,
        kind=kind,
        table=match.dialect.table,
        header=tuple(header),
        match=match,
        bytes=member.packed if member else location.size,
        text_bytes=text_bytes,
        location=location,
        csv=shape if match.dialect.headed or shape is None else shape.headless(),
        member=member,
        timezone=reader.register.timezone,
        limits=reader.limits,
    )
