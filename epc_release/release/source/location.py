"""Where bytes are: a file of this machine or an object of a store, opened and checked alike."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from epc_release.errors import ReleaseError

BLOCK = 8 << 20  # bytes asked for at a time


class Location(Protocol):
    """Something with bytes; frozen and picklable, so that a task can open it again."""

    @property
    def key(self) -> str:
        """Identity: the resolved path or the URI. Never printed."""
        ...

    @property
    def size(self) -> int:
        """Bytes when the source was listed."""
        ...

    def open(self) -> BinaryIO:
        """A seekable stream from the first byte."""
        ...

    def unchanged(self) -> bool:
        """Is it still what was listed (size and time, or ETag)?"""
        ...


@dataclass(frozen=True)
class LocalFile:
    """A regular file: its path, and its size in bytes and time in nanoseconds when listed."""

    path: Path
    key: str
    size: int
    modified: int

    def open(self) -> BinaryIO:
        return self.path.open("rb")

    def unchanged(self) -> bool:
        try:
            now = self.path.stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.size, self.modified)


def local_file(path: Path, name: str) -> LocalFile:
    """The file at ``path``; raises E201 where there is none that can be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ReleaseError("E201", source=name, reason="it is not a regular file")
        path.open("rb").close()
        key = str(path.resolve(strict=True))
    except (OSError, RuntimeError) as error:
        raise ReleaseError("E201", source=name, reason=reason(error)) from error
    return LocalFile(path, key, status.st_size, status.st_mtime_ns)


def reason(error: BaseException) -> str:
    """What the system says, without a path."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return "symbolic links run in a circle" if isinstance(error, RuntimeError) else str(error)


@contextmanager
def opened(location: Location, name: str) -> Iterator[BinaryIO]:
    """``location`` open for reading; a file that cannot be read raises E201."""
    try:
        stream = location.open()
    except OSError as error:
        raise ReleaseError("E201", source=name, reason=reason(error)) from error
    with stream:
        yield stream


def blocks(stream: BinaryIO, name: str, size: int = BLOCK) -> Iterator[bytes]:
    """The rest of ``stream`` in blocks of at most ``size`` bytes."""
    while block := read(stream, name, size):
        yield block


def read(stream: BinaryIO, name: str, size: int) -> bytes:
    """Up to ``size`` bytes; a medium that fails raises E201."""
    try:
        return stream.read(size)
    except OSError as error:
        raise ReleaseError("E201", source=name, reason=reason(error)) from error


def head(location: Location, name: str, size: int) -> bytes:
    """The first ``size`` bytes, or fewer where there are no more."""
    with opened(location, name) as stream:
        return read(stream, name, size)


def check_unchanged(location: Location, name: str, *, read_bytes: int | None = None) -> None:
    """Raises E207 where ``location`` is no longer what was listed or gave another length."""
    if read_bytes not in (None, location.size) or not location.unchanged():
        raise ReleaseError("E207", file=name)


def buffered(raw: io.RawIOBase) -> BinaryIO:
    """``raw`` behind a buffer of one block."""
    return io.BufferedReader(raw, BLOCK)
