"""Where a release is read from: a folder, or anything else that can list and open."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol


class Reader(Protocol):
    """A release as files: paths relative to it with ``/``, sizes in bytes, files that seek."""

    def list(self) -> list[str]: ...

    def size(self, path: str) -> int: ...

    def open(self, path: str) -> BinaryIO: ...


class FolderReader:
    """A release in a local folder; every file in it is listed, hidden ones too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> list[str]:
        files = (path for path in self._folder.rglob("*") if path.is_symlink() or path.is_file())
        return sorted(path.relative_to(self._folder).as_posix() for path in files)

    def size(self, path: str) -> int:
        return (self._folder / path).stat().st_size

    def open(self, path: str) -> BinaryIO:
        return (self._folder / path).open("rb")
