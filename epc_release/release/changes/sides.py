"""One of two releases that are compared: its parts as local files whose hashes were checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.reader import Reader
from epc_release.release.fetch.download import Wanted, download
from epc_release.release.progress import Progress
from epc_release.release.publish.reader import open_reader
from epc_release.release.publish.stores import place
from epc_release.release.told import Told, read_told


class Side:
    """A release; parts that are elsewhere are kept in ``cache``.

    ``own``: this process has just written and hashed them.
    """

    def __init__(
        self,
        told: Told,
        reader: Reader,
        root: Path | None,
        cache: Path,
        *,
        own: bool = False,
    ) -> None:
        self.told, self._reader, self._root, self._cache = told, reader, root, cache
        self._own = own

    def fetch(self, parts: Sequence[FileFacts], progress: Progress) -> None:
        """Have these parts here, and right. Raises E750 and what the store raises."""
        if self._own:
            return
        wanted = [Wanted(part.path, part.bytes, part.sha256) for part in parts]
        total = sum(file.bytes for file in wanted)
        with progress.stage(f"read {self.told.release}", total, "bytes") as tell:
            if self._root is None:
                download(self._reader, wanted, self._cache, tell)
                return
            for file in wanted:
                check_part(self._root, file)
                tell(file.bytes)

    def has(self, part: FileFacts) -> bool:
        """Whether a part is there: of a folder it may be one of those that were not fetched."""
        return self._root is None or (self._root / part.path).is_file()

    def local(self, part: FileFacts) -> Path:
        """The file of a part that was fetched."""
        return (self._root or self._cache) / part.path


def check_part(root: Path, file: Wanted) -> None:
    """Raise E750 where a local file is not the one that is described."""
    try:
        with (root / file.path).open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as why:
        raise ReleaseError("E506", path=root / file.path, reason=why.strerror) from why
    if digest != file.sha256:
        raise ReleaseError("E750", path=file.path)


def open_side(release: str | Path, cache: Path) -> Side:
    """The release at a folder or URI."""
    scheme, _, path = place(str(release))
    reader = open_reader(release)
    root = Path(path) if scheme == "folder" else None
    return Side(read_told(reader, release), reader, root, cache)
