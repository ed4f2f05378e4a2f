"""A finished release as it may be published: the files of its SHA256SUMS, and no others.

Beside them its signature, where it has one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.checksums import parse_checksums
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, SIGNATURE
from epc_release.release.publish.stores import checked

LAST = (DESCRIPTOR, CHECKSUMS, SIGNATURE)  # published in this order, after all others
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ReleaseFile:
    """One file to publish: path in the release, size in bytes, sha256, and where it lies."""

    path: str
    bytes: int
    sha256: str
    source: Path


@dataclass(frozen=True)
class Candidate:
    """A release folder and what its descriptor says of it; ``sha256sums`` hashes SHA256SUMS.

    ``files`` are in the order of publishing: the descriptor, SHA256SUMS and its signature come
    last. ``rows`` are the published rows by table; ``corrects`` is the id of the release that this
    one replaces; ``policy_sha256`` is of the policy's text.
    """

    folder: Path
    release: str
    register: str
    policy: str
    policy_sha256: str
    cutoff: datetime
    rows: Mapping[str, int]
    corrects: str | None
    partial: bool
    synthetic: bool
    sha256sums: str
    files: tuple[ReleaseFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def parse_sums(data: bytes, where: str) -> dict[str, str]:
    """sha256 by path, of a SHA256SUMS; E619 if it is none, E616 if a path is not safe."""
    try:
        sums = parse_checksums(data.decode())
    except ValueError as why:
        raise ReleaseError("E619", uri=where, path=CHECKSUMS, why=why) from why
    return {checked(path): sha256 for path, sha256 in sums.items()}


def read_candidate(folder: Path) -> Candidate:
    """The release in ``folder``, by names and sizes; hashes are checked by verify and when sent.

    E614 if files are missing, not listed or not regular; E619 if its descriptions are damaged.
    """
    raw = _bytes(folder, CHECKSUMS)
    sums = parse_sums(raw, str(folder))
    sha256sums = hashlib.sha256(raw).hexdigest()
    _compare(folder, {*sums, CHECKSUMS})
    own = {CHECKSUMS: sha256sums}
    if (folder / SIGNATURE).is_file():
        own[SIGNATURE] = hashlib.sha256(_bytes(folder, SIGNATURE)).hexdigest()
    files = [
        ReleaseFile(path, (folder / path).stat().st_size, sha256, folder / path)
        for path, sha256 in {**sums, **own}.items()
    ]
    return described(_bytes(folder, DESCRIPTOR), folder, sha256sums, files)


def described(
    descriptor: bytes, folder: Path, sha256sums: str, files: Iterable[ReleaseFile]
) -> Candidate:
    """The candidate that a descriptor tells of, its files in order; E619 if that is not ours."""
    place = {path: number for number, path in enumerate(LAST, 1)}
    ordered = sorted(files, key=lambda file: (place.get(file.path, 0), file.path))
    try:
        return _described(json.loads(descriptor), folder, sha256sums, tuple(ordered))
    except (ValueError, KeyError, TypeError) as why:
        raise ReleaseError("E619", uri=folder, path=DESCRIPTOR, why=repr(why)) from why


def _described(
    descriptor: Mapping[str, Any], folder: Path, sha256sums: str, files: tuple[ReleaseFile, ...]
) -> Candidate:
    """What the descriptor says; KeyError, TypeError or ValueError if it is not one of ours."""
    facts, release = descriptor["epcRelease"], descriptor["version"]
    if not _ID.fullmatch(release):
        raise ValueError("version")
    cutoff = datetime.fromisoformat(descriptor["created"])
    if cutoff.tzinfo is None:
        raise ValueError("created")
    return Candidate(
        folder=folder,
        release=release,
        register=facts["register"],
        policy=facts["policy"]["name"],
        policy_sha256=facts["policy"].get("sha256", ""),
        cutoff=cutoff,
        rows=facts["rows"],
        corrects=facts.get("corrects"),
        partial=facts["partial"],
        synthetic=facts["synthetic"],
        sha256sums=sha256sums,
        files=files,
    )


def _bytes(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except FileNotFoundError:
        raise ReleaseError("E614", release=folder, path=path, what="is missing") from None
    except OSError as why:
        raise ReleaseError("E506", path=folder / path, reason=why.strerror) from why


def _compare(folder: Path, listed: set[str]) -> None:
    """Refuse a folder that holds other files than those listed, or anything but plain files."""
    found = set()
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise ReleaseError(
                    "E614", release=folder, path=relative, what="is not a plain file"
                )
        found |= {Path(base, name).relative_to(folder).as_posix() for name in files}
    for paths, what in (
        (found - listed - {SIGNATURE}, "is not listed"),
        (listed - found, "is missing"),
    ):
        if paths:
            raise ReleaseError("E614", release=folder, path=min(paths), what=what)
