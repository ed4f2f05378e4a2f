"""A file that is hashed while it is written, so that nothing is read a second time."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType

from epc_release.manifests.facts import FileFacts


class HashingSink:
    """A new binary file at ``root / path``; its folders are made. Use as a context manager."""

    def __init__(self, root: Path, path: str) -> None:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = target.open("wb")
        self._hash = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        self._hash.update(data)
        written = self._file.write(data)
        self._bytes += written
        return written

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def writable(self) -> bool:
        return True

    def __enter__(self) -> HashingSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def facts(self, rows: int | None = None, content_sha256: str | None = None) -> FileFacts:
        """The finished file's facts."""
        return FileFacts(self._path, self._bytes, self._hash.hexdigest(), rows, content_sha256)
