"""Reading a release back from where it is: a folder, ``s3://`` or ``https://``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from epc_release.errors import ReleaseError
from epc_release.manifests.reader import Reader
from epc_release.release.publish.stores import Store, place
from epc_release.release.publish.target import open_store


class StoreReader:
    """A release in a store that lists what it holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sizes: dict[str, int] = {}  # as listed: one request for a thousand objects

    def list(self) -> list[str]:
        """Every stored path, named in the release or not."""
        self._sizes = {info.path: info.bytes for info in self._store.list()}
        return [*self._sizes]

    def size(self, path: str) -> int:
        """Bytes; E507 if there is none."""
        if path in self._sizes:
            return self._sizes[path]
        info = self._store.head(path)
        if info is None:
            raise ReleaseError("E507", uri=self._store.uri, path=path)
        return info.bytes

    def open(self, path: str) -> BinaryIO:
        """A file that fetches only what is read; E507 if there is none."""
        return self._store.open(path)


def open_reader(release: str | Path) -> Reader:
    """A reader of the release at a folder or URI (E617 if it is neither, E507 if nothing is there).

    Over HTTP a listing is what its SHA256SUMS says.
    """
    scheme, _, path = place(str(release))
    if scheme in ("https", "http"):
        from epc_release.release.publish.web import WebReader

        return WebReader(str(release))
    if scheme == "folder" and not Path(path).is_dir():
        raise ReleaseError("E507", uri=path, path="such folder")
    return StoreReader(open_store(release))
