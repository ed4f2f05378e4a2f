"""What disks offer and systems do differently: locks, folders flushed, files for their owner only.

No other module asks which system it runs on for these.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the one lock of a file or a folder; gives False, at once, where another has it.

    The lock ends with the block, or with its process however that dies. Raises OSError where
    ``path`` is absent or its file system has no locks.
    """
    descriptor = _open_folder(path) if path.is_dir() else os.open(path, os.O_RDWR)
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power, where the system lets folders be opened.

    Elsewhere (Windows) the file system's own journal does.
    """
    if sys.platform != "win32":
        descriptor = _open_folder(folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are not there, with mode 0700.

    ``Path.mkdir(parents=True)`` gives its mode to the last one only.
    """
    for missing in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def private(path: str, flags: int) -> int:
    """The ``opener`` of a file that is made with mode 0600."""
    return os.open(path, flags, 0o600)


if sys.platform == "win32":

    def _open_folder(folder: Path) -> int:
        """A folder itself cannot be opened here: a file in it stands for it."""
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)

    def _take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:

    def _open_folder(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY)

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def flush_file(file: IO[bytes]) -> None:
    """Make what was written to a file survive a loss of power."""
    file.flush()
    os.fsync(file.fileno())


def flush_file_system(folder: Path) -> None:
    """Make everything that was written to the file system of ``folder`` survive a loss of power."""
    if sys.platform == "linux":
        descriptor = _open_folder(folder)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(descriptor)
    elif sys.platform != "win32":
        os.sync()
