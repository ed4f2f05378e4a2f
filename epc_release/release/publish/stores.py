"""What a store of published releases can do, whatever it is made of.

Paths are relative to the store's URI, with ``/``, as in ``2026-03-31/datapackage.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import is_safe_path

Sent = Callable[[int], None]  # told of bytes as they are stored; may be called from threads


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: size in bytes; ``sha256`` as recorded when it was put, None if unknown.

    A record is a claim; ``Store.digest`` is what proves it. ``modified`` is when it was put, in
    seconds since 1970 by the clock of a store that lists it.
    """

    path: str
    bytes: int
    sha256: str | None = None
    modified: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Headers:
    """How an object is served: its media type and its Cache-Control."""

    content_type: str
    cache: str


class Hold(Protocol):
    """The sole right to publish at a place, while it lasts."""

    def check(self) -> None:
        """Raise E611 if the right was lost, for instance after a long pause."""


class Store(Protocol):
    """A place of published releases. Every method raises ``ReleaseError`` (E50x) on failure."""

    @property
    def uri(self) -> str: ...

    def prepare(self) -> None:
        """Make the place ready for writing and learn what it can do. Needs the right to write."""

    def exclusive(self) -> AbstractContextManager[Hold]:
        """Hold the place against other publishers; E611 if another holds it."""

    def unlock(self) -> bool:
        """Remove what a dead publisher holds: True; False if nothing is held; E620 if it lives."""

    def head(self, path: str) -> ObjectInfo | None:
        """The object's facts, None if there is none."""

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """All objects under ``prefix`` (empty, or ending in ``/``), by path; no ``sha256``."""

    def open(self, path: str) -> BufferedReader:
        """The object as a seekable file that reads only what is asked for; E507 if missing."""

    def digest(self, path: str) -> str:
        """The sha256 of what is stored: attested by the store's own checksum, or read back."""

    def read(self, path: str) -> tuple[bytes, str] | None:
        """A pointer's bytes and its version (for ``replace``), None if there is none."""

    def put(
        self, path: str, source: Path, *, sha256: str, headers: Headers, sent: Sent | None = None
    ) -> None:
        """Store a file whose hash is known; it appears whole or not at all.

        What is there already stays: equal is done, other is E610. A source with another hash
        is E614.
        """

    def replace(self, path: str, data: bytes, *, headers: Headers, expected: str | None) -> None:
        """Replace a pointer whose version is ``expected`` (None: there is none), else E615."""

    def delete(self, path: str) -> None:
        """Delete an object; none there is no error."""

    def versions(self, prefix: str) -> tuple[tuple[str, str], ...]:
        """Path and version of what the store keeps below ``prefix`` of objects that were deleted
        or replaced; nothing where it keeps none."""

    def delete_version(self, path: str, version: str) -> None:
        """Delete one of them for good."""

    def staging(self, release: str) -> str:
        """Where a release's objects go first, ending in ``/``: no reader may see them there.

        Once the release is public (``<release>/SHA256SUMS`` is there) that is ``<release>/``.
        """

    def promote(self, release: str) -> None:
        """Make what is staged public under ``<release>/``; what is there already is done.

        In one step where the store can, else SHA256SUMS comes last. What is staged must hold it.
        """


def checked(path: str) -> str:
    """``path`` if it is a safe relative path (no ``..``, backslash, control character), or E616."""
    if not is_safe_path(path):
        raise ReleaseError("E616", path=repr(path))
    return path


def place(uri: str) -> tuple[str, str, str]:
    """Scheme (``folder`` or that of the URI), host or bucket, and path; E617 if there is none."""
    if "://" not in uri:
        return "folder", "", uri
    parts = urlsplit(uri)
    if parts.username is not None or parts.password is not None:
        public = f"{parts.scheme}://…@{parts.hostname or ''}"
        raise ReleaseError("E617", uri=public, why="a URI must not hold a user or password")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return "folder", "", parts.path
    if not parts.netloc or parts.query or parts.fragment:
        raise ReleaseError("E617", uri=uri, why="this is not scheme://name/prefix")
    return parts.scheme, parts.netloc, parts.path.strip("/")
