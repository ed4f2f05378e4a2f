"""From ``--source`` arguments to files and objects: folders walked, globs and prefixes expanded."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from epc_release.errors import ReleaseError
from epc_release.release.source.location import Location, local_file
from epc_release.release.source.model import SourceSpec
from epc_release.schemas.register import Register

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*@")
_TABLE = re.compile(r"[a-z][a-z0-9_-]*=")
_PRIVATE = "private"
_S3 = "s3://"


@dataclass(frozen=True)
class Candidate:
    """A file that a source names or holds: ``location`` None where it was left, for reason ``why``.

    ``given`` tells that the user named this very file; ``place`` is its path or URI, as given.
    """

    name: str
    place: str
    table: str | None
    location: Location | None
    given: bool = False
    why: str = ""


def parse_spec(text: str, register: Register) -> SourceSpec:
    """``[TABLE=]PATH_OR_URI``; raises E106 (password), E204 (scheme) and E205 (table)."""
    head, _, rest = text.partition("=")
    tables = [table.name for table in register.tables]
    table, place = (head, rest) if head in tables else (None, text)
    _check_credentials(place, "--source")
    if table is None and _TABLE.match(text) and not os.path.lexists(text):
        raise ReleaseError("E205", table=head, known=", ".join(tables))
    _check_place(place, text)
    return SourceSpec(text, place, table)


def plain_spec(place: str) -> SourceSpec:
    """A path or URI without a table; raises E106 (password), E201 (none) and E204 (scheme)."""
    _check_credentials(place, "PATH")
    _check_place(place, place)
    return SourceSpec(place, place)


def _check_credentials(place: str, where: str) -> None:
    if _CREDENTIALS.search(place):
        raise ReleaseError("E106", where=where)


def _check_place(place: str, text: str) -> None:
    scheme = _SCHEME.match(place)
    if scheme and scheme[1].lower() != "s3":
        raise ReleaseError("E204", scheme=scheme[1])
    if not place:
        raise ReleaseError("E201", source=text, reason="no path is given")


def candidates(spec: SourceSpec) -> list[Candidate]:
    """All files of one source, sorted; raises E201 where it is missing, E202 where it is empty."""
    if spec.place.lower().startswith(_S3):
        found = list(_remote(spec))
    elif os.path.lexists(spec.place):
        found = list(_local(spec, Path(spec.place), Path(spec.place).absolute().parent))
    elif glob.has_magic(spec.place):
        base = _fixed(Path(spec.place)).absolute().parent
        matches = sorted(glob.glob(spec.place, recursive=True))  # noqa: PTH207 - takes absolute ones
        kept = [Path(m) for m in matches if not _is_private(Path(m).parts)]
        found = [c for path in kept for c in _local(spec, path, base)]
    else:
        raise ReleaseError("E201", source=spec.place, reason="there is no such file or folder")
    if not any(candidate.location for candidate in found):
        raise ReleaseError("E202", source=spec.place)
    return found


def _fixed(pattern: Path) -> Path:
    """The part of a glob before its first wildcard."""
    parts = pattern.parts
    wild = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:wild])


def _is_private(parts: tuple[str, ...]) -> bool:
    return any(part.lower() == _PRIVATE for part in parts[:-1])


def _local(spec: SourceSpec, path: Path, base: Path) -> Iterator[Candidate]:
    if path.is_dir():
        yield from _folder(spec, path, base)
    else:
        name = _shown(path, base)
        yield Candidate(name, str(path), spec.table, local_file(path, name), given=True)


def _shown(path: Path, base: Path) -> str:
    full = path.absolute()
    return (full.relative_to(base) if full.is_relative_to(base) else path).as_posix()


def _folder(spec: SourceSpec, root: Path, base: Path) -> Iterator[Candidate]:
    """The files below a folder; ``private/``, hidden and linked folders are not entered."""

    def fail(error: OSError) -> None:
        raise ReleaseError("E201", source=str(root), reason=error.strerror) from error

    def left(path: Path, why: str) -> Candidate:
        return Candidate(_shown(path, base), str(path), spec.table, None, why=why)

    for folder, names, files in os.walk(root, onerror=fail):
        names.sort()
        for name in list(names):
            path = Path(folder, name)
            if why := _closed(name) or ("a linked folder" if path.is_symlink() else None):
                names.remove(name)
                yield left(path, why)
        for name in sorted(files):
            path = Path(folder, name)
            if name.startswith("."):
                yield left(path, "a hidden file")
            else:
                shown = _shown(path, base)
                yield Candidate(shown, str(path), spec.table, local_file(path, shown))


def _closed(folder: str) -> str | None:
    """Why a folder of this name is not entered."""
    if folder.lower() == _PRIVATE:
        return "a private folder is never entered"
    return "a hidden folder" if folder.startswith(".") else None


def _remote(spec: SourceSpec) -> Iterator[Candidate]:
    from epc_release.release.source import s3  # boto3 is slow to import, and seldom needed

    bucket, _, key = spec.place[len(_S3) :].partition("/")
    if not bucket:
        raise ReleaseError("E201", source=spec.place, reason="the URI names no bucket")
    wanted, prefix = _selection(key)
    for found in s3.objects(bucket, prefix):
        if not wanted(found.name):
            continue
        below = PurePosixPath(found.name[len(prefix) :] if prefix.endswith("/") else found.name)
        why = next(filter(None, map(_closed, below.parts[:-1])), None)
        why = why or ("a hidden file" if below.name.startswith(".") else None)
        given = found.name == key
        location = None if why and not given else found
        yield Candidate(found.key, found.key, spec.table, location, given, why or "")


def _selection(key: str) -> tuple[Callable[[str], bool], str]:
    """Which keys a key, prefix or glob means, and the prefix to list."""
    if glob.has_magic(key):
        pattern = re.compile(fnmatch.translate(key))
        # everything before the first wildcard, up to its last "/"
        prefix = re.split(r"[*?\[]", key, maxsplit=1)[0].rpartition("/")
        return lambda name: bool(pattern.match(name)), prefix[0] + prefix[1]
    folder = key if not key or key.endswith("/") else f"{key}/"
    return lambda name: name == key or name.startswith(folder), key
