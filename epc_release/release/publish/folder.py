"""A plain folder as a store: atomic files, a hidden staging folder, one rename to publish."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from epc_release.errors import ReleaseError
from epc_release.release.disk import flush_folder, held
from epc_release.release.publish.stores import Headers, ObjectInfo, Sent, checked

_CHUNK = 1 << 20  # bytes
_PART = ".part-"


class FolderStore:
    """Objects are files below ``root``; ``headers`` have no meaning here.

    Publishers of one machine, or of one shared file system with locks, exclude each other by a
    lock on the folder, which ends with its process. Writing is safe only while it is held.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def uri(self) -> str:
        return str(self.root)

    def prepare(self) -> None:
        with _disk(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def exclusive(self) -> Iterator[FolderHold]:
        with ExitStack() as until:
            with _disk(self.root):
                ours = until.enter_context(held(self.root))
            if not ours:
                raise ReleaseError("E611", uri=self.uri, left="until it ends")
            for leftover in self.root.glob(f"{_PART}*"):
                leftover.unlink(missing_ok=True)
            yield FolderHold()

    def unlock(self) -> bool:
        """False: a lock on a folder ends with its process, so there is never one to remove."""
        if not self.root.is_dir():
            return False
        with _disk(self.root), held(self.root) as free:
            if not free:
                raise ReleaseError("E620", uri=self.uri, left="until it ends")
        return False

    def head(self, path: str) -> ObjectInfo | None:
        file = self._file(path)
        with _disk(file):
            return ObjectInfo(path, file.stat().st_size) if file.is_file() else None

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        top = self._file(prefix.rstrip("/")) if prefix else self.root
        found = []
        with _disk(top):
            for base, _, names in os.walk(top):
                for name in names:
                    file = Path(base, name)
                    relative = file.relative_to(self.root).as_posix()
                    found.append(ObjectInfo(relative, file.lstat().st_size))
        return sorted(found, key=lambda info: info.path)

    def open(self, path: str) -> BufferedReader:
        file = self._file(path)
        with _disk(file):
            try:
                return file.open("rb")
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise ReleaseError("E507", uri=self.uri, path=path) from None

    def digest(self, path: str) -> str:
        with self.open(path) as file, _disk(self.root / path):
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self, path: str) -> tuple[bytes, str] | None:
        file = self._file(path)
        with _disk(file):
            if not file.is_file():
                return None
            data = file.read_bytes()
        return data, hashlib.sha256(data).hexdigest()

    def put(
        self,
        path: str,
        source: Path,
        *,
        sha256: str,
        headers: Headers,  # noqa: ARG002
        sent: Sent | None = None,
    ) -> None:
        if self.head(path) is not None:
            if self.digest(path) != sha256:
                raise ReleaseError("E610", uri=self.uri, release=path.partition("/")[0], paths=path)
            return
        with _disk(source):
            reading = source.open("rb")
        found = hashlib.sha256()
        with reading, self._written(path) as writing:
            while chunk := reading.read(_CHUNK):
                found.update(chunk)
                writing.write(chunk)
                if sent is not None:
                    sent(len(chunk))
            if found.hexdigest() != sha256:
                raise ReleaseError(
                    "E614", release=source.parent, path=source.name, what="has changed"
                )

    def replace(
        self,
        path: str,
        data: bytes,
        *,
        headers: Headers,  # noqa: ARG002
        expected: str | None,
    ) -> None:
        stored = self.read(path)
        if (stored[1] if stored else None) != expected:
            raise ReleaseError("E615", uri=self.uri, path=path)
        with self._written(path) as writing:
            writing.write(data)

    def delete(self, path: str) -> None:
        file = self._file(path)
        with _disk(file):
            file.unlink(missing_ok=True)

    def versions(self, prefix: str) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """None: a file that is gone is gone."""
        return ()

    def delete_version(self, path: str, version: str) -> None:
        """There is none."""

    def staging(self, release: str) -> str:
        if (self.root / release).exists():
            return f"{release}/"
        return f".staging-{release}/tree/"

    def promote(self, release: str) -> None:
        staging = self.staging(release)
        if staging == f"{release}/":
            return
        tree = self.root / staging
        with _disk(self.root / release):
            for base, _, _ in os.walk(tree, topdown=False):
                flush_folder(Path(base))
            tree.rename(self.root / release)
            flush_folder(self.root)
            shutil.rmtree(tree.parent, ignore_errors=True)

    def _file(self, path: str) -> Path:
        """Where a path lies; a symbolic link may not lead out of the folder."""
        file = self.root / checked(path)
        if not file.resolve().is_relative_to(self.root.resolve()):
            raise ReleaseError("E616", path=repr(path))
        return file

    @contextmanager
    def _written(self, path: str) -> Iterator[BinaryIO]:
        """A file that appears under its name, on disk for good, when the block is left."""
        file = self._file(path)
        part = file.parent / f"{_PART}{secrets.token_hex(8)}"
        with _disk(file):
            self._make_folder(file.parent)
            try:
                with part.open("xb") as writing:
                    yield writing
                    writing.flush()
                    os.fsync(writing.fileno())
                part.replace(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            flush_folder(file.parent)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder; what is staged is for its owner only until it is published."""
        top = folder.relative_to(self.root).parts[:1]
        if top and top[0].startswith(".staging-"):
            (self.root / top[0]).mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)


class FolderHold:
    """The lock of a process on a folder: it cannot be lost while the process lives."""

    def check(self) -> None:
        """Nothing to check."""


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Say which file an operating system's error is about (E506)."""
    try:
        yield
    except OSError as why:
        raise ReleaseError("E506", path=why.filename or path, reason=why.strerror or why) from why
