"""What the sources hold: every file, zip member and object recognised by its header.

Nothing but headers, zip directories, Parquet footers and the control file is read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from epc_release.errors import ReleaseError
from epc_release.release.source import archive, control, detect, parquet
from epc_release.release.source.find import Candidate, candidates, parse_spec
from epc_release.release.source.location import LocalFile, Location, head
from epc_release.release.source.model import (
    LIMITS,
    Control,
    CsvShape,
    Inventory,
    Kind,
    Member,
    Part,
    ZipLimits,
)
from epc_release.release.source.stream import text_blocks
from epc_release.schemas.header import match_header
from epc_release.schemas.register import Register

SUPPRESSIONS = "suppressions.csv"

_GZIP_RATIO = 8  # about, of CSV to its gzip; the true size stands nowhere reliable
_LEFT_FILES = {"columns.csv": "describes the columns"}
_Ignored = list[tuple[str, str]]


@dataclass(frozen=True)
class _Reader:
    """What it takes to turn a candidate into parts."""

    register: Register
    encoding: str | None
    limits: ZipLimits


def discover(
    sources: Sequence[str],
    register: Register,
    *,
    encoding: str | None = None,
    limits: ZipLimits = LIMITS,
) -> Inventory:
    """Lists every part of the sources; raises E106, E12x and E200 to E252.

    ``encoding`` is that of all CSVs without the byte order mark of UTF-8.
    """
    if not sources:
        raise ReleaseError("E200")
    specs = [parse_spec(text, register) for text in sources]
    reader = _Reader(register, detect.known_encoding(encoding), limits)
    found, ignored = _distinct([c for spec in specs for c in candidates(spec)])
    found, told = _control(found, register)
    found, seen = _suppressions(found, told)
    parts: list[Part] = []
    for candidate in found:
        parts += _parts(candidate, reader, ignored)
    if not parts:
        raise ReleaseError("E202", source=", ".join(spec.place for spec in specs))
    if told:
        parts = [control.as_told(told, part, register) for part in parts]
        control.check_files(told, parts)
    parts.sort(key=lambda part: (part.name, part.location.key))
    return Inventory(tuple(parts), told, seen, tuple(sorted(ignored)))


def _distinct(found: Sequence[Candidate]) -> tuple[list[Candidate], _Ignored]:
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
    why = _LEFT_FILES.get(base)
    if why is None and not candidate.given and detect.kind_by_name(base) is None:
        why = "not a CSV, CSV.gz, zip or Parquet file"
    if why:
        ignored.append((name, why))
        return
    kind = detect.kind_by_content(name, head(location, name, 4))
    if kind == "zip":
        yield from _zip_parts(candidate, location, reader, ignored)
    elif kind == "parquet":
        header, rows = parquet.header(location, name)
        estimate = parquet.text_bytes(len(header), rows)
        yield _part(candidate, location, kind, reader, header, estimate)
    else:
        shape, header = _csv_header(location, name, kind, reader)
        estimate = location.size * (_GZIP_RATIO if kind == "csv.gz" else 1)
        yield _part(candidate, location, kind, reader, header, estimate, shape=shape)


def _zip_parts(
    candidate: Candidate, location: Location, reader: _Reader, ignored: _Ignored
) -> Iterator[Part]:
    found, left = archive.members(location, candidate.name, reader.limits)
    ignored += left
    if not found:
        raise ReleaseError("E202", source=candidate.name)
    for member in found:
        shape, header = _csv_header(location, member.name, "zip", reader, member)
        yield _part(
            candidate, location, "zip", reader, header, member.unpacked, shape=shape, member=member
        )


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
        csv=shape,
        member=member,
        timezone=reader.register.timezone,
        limits=reader.limits,
    )


def _csv_header(
    location: Location, name: str, kind: Kind, reader: _Reader, member: Member | None = None
) -> tuple[CsvShape, list[str]]:
    """Shape and header of a CSV; raises E206, E210, E212, E213 and E214."""
    raw = text_blocks(
        location, name, kind, member=member, limits=reader.limits, size=detect.HEADER_LIMIT
    )
    start, whole = _beginning(raw, detect.HEADER_LIMIT)
    encoding = reader.encoding
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
