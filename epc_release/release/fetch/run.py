"""``fetch``: plan from the descriptor, then download, then say so in ``SHA256SUMS``.

The descriptor comes first, so that a folder is of one release from the start; the checksums come
last, so that their being there says that all that was asked for has arrived once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, SIGNATURE
from epc_release.manifests.reader import Reader
from epc_release.release.disk import flush_folder
from epc_release.release.fetch.choose import choose, parse_where
from epc_release.release.fetch.download import PART, Wanted, download, safe_target
from epc_release.release.fetch.trust import NOBODY, Trust, prove
from epc_release.release.progress import Progress
from epc_release.release.publish.pointers import LATEST
from epc_release.release.publish.reader import open_reader
from epc_release.release.told import MOST_BYTES, Told, read_small, read_told

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Fetched:
    """What stands in ``folder``: files and bytes of a release that has ``whole`` bytes.

    ``received`` are the bytes that this run brought; ``origin`` says who published it, as far as
    that is known.
    """

    release: str
    folder: Path
    files: int
    bytes: int
    whole: int
    received: int
    origin: str

    def __str__(self) -> str:
        return (
            f"Release {self.release} in {self.folder}: {self.files:,} files, {self.bytes:,} of"
            f" {self.whole:,} bytes, {self.received:,} received now; every sha256 is right\n"
            f"{self.origin}"
        )


def fetch(
    uri: str,
    to: Path,
    tables: Sequence[str],
    wheres: Sequence[str],
    progress: Progress,
    trust: Trust = NOBODY,
) -> Fetched:
    """Download a release, or the parts asked for, into ``to``; the same again resumes.

    ``uri`` is a release, or a place of releases, of which the latest is taken. Raises E453, E616,
    E619, E745 to E753, and what the store raises.
    """
    conditions = [parse_where(text) for text in wheres]
    reader, told = find(uri)
    proven = prove(reader, told, trust)
    parts = bool(tables or conditions)
    if parts:
        files = [Wanted(f.path, f.bytes, f.sha256) for f in choose(told, tables, conditions)]
    else:
        files = _all(reader, told)
    _check_folder(to, told)
    total = sum(file.bytes for file in files)
    _write(to, DESCRIPTOR, told.raw[DESCRIPTOR])
    before = sum(_held(to, file) for file in files)
    with progress.stage(f"fetch {told.release}", total, "bytes") as tell:
        download(reader, files, to, tell)
    if proven.signature is not None:
        _write(to, SIGNATURE, proven.signature)
    _write(to, CHECKSUMS, told.raw[CHECKSUMS])
    proven.remember(trust)
    described = sum(file.bytes for file in told.described.files.values())
    beside = [*told.raw.values(), *([proven.signature] if proven.signature is not None else [])]
    own = sum(map(len, beside))
    return Fetched(
        release=told.release,
        folder=to,
        files=len(files) + len(beside),
        bytes=total + own,
        whole=own + (described if parts else total),
        received=total - before + own,
        origin=proven.told,
    )


def find(uri: str) -> tuple[Reader, Told]:
    """The release at ``uri``, or the latest one of that place."""
    reader = open_reader(uri)
    try:
        return reader, read_told(reader, uri)
    except ReleaseError as error:
        if error.problem.code != "E507" or (latest := _latest(reader, uri)) is None:
            raise
    place, sha256 = latest
    reader = open_reader(place)
    told = read_told(reader, place)
    if hashlib.sha256(told.raw[CHECKSUMS]).hexdigest() != sha256:
        raise ReleaseError("E753", place=place, path=LATEST)
    return reader, told


def _latest(reader: Reader, uri: str) -> tuple[str, str] | None:
    """The place of the latest release and the hash of its checksums; None where there is none."""
    try:
        told = json.loads(read_small(reader, LATEST))
        release, sha256 = told["id"], told["sha256"]
        if not _ID.fullmatch(release):
            raise ValueError("its id is none")
        return f"{uri.rstrip('/')}/{release}", str(sha256)
    except ReleaseError as error:
        if error.problem.code != "E507":
            raise
        return None
    except (ValueError, KeyError, TypeError) as why:
        raise ReleaseError("E619", uri=uri, path=LATEST, why=why) from why


def _all(reader: Reader, told: Told) -> list[Wanted]:
    """Every file of the checksums but the two that are held already. Raises E748.

    The descriptor tells the sizes of data; documents of which it tells none are small.
    """
    described, found, small = told.described.files, [], 0
    for path, sha256 in told.sums.items():
        if path in told.raw:
            continue
        size = described[path].bytes if path in described else reader.size(path)
        small += size if path not in described else 0
        if small > MOST_BYTES:
            expected = f"no size; such documents may have {MOST_BYTES} together"
            raise ReleaseError("E748", path=path, found=size, expected=expected)
        found.append(Wanted(path, size, sha256))
    return found


def _check_folder(folder: Path, told: Told) -> None:
    """Raise E751 where the folder is of another release."""
    file = safe_target(folder, DESCRIPTOR)
    if not file.is_file() or file.read_bytes() == told.raw[DESCRIPTOR]:
        return
    try:
        held = str(json.loads(file.read_bytes())["version"])
    except (ValueError, KeyError, TypeError):
        held = "that cannot be told"
    if held == told.release:
        held = f"{held} with another descriptor"
    raise ReleaseError("E751", folder=folder, held=held, release=told.release)


def _held(folder: Path, file: Wanted) -> int:
    """Bytes of a file that are there already, whole or in part."""
    for path in (folder / file.path, folder / f"{file.path}{PART}"):
        if path.is_file():
            return min(path.stat().st_size, file.bytes)
    return 0


def _write(folder: Path, path: str, data: bytes) -> None:
    """One of the descriptions, whole or not."""
    target = safe_target(folder, path)
    partial = target.with_name(target.name + PART)
    partial.write_bytes(data)
    partial.replace(target)
    flush_folder(folder)
