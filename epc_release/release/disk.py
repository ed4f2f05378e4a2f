"""What disks offer and systems do differently: locks, folders flushed, files for their owner only.

No other module asks which system it runs on for these.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
