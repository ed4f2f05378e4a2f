"""Where trials are made: a private prefix of a random name, which is emptied at the end."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from epc_release.release.publish.folder import FolderStore
from epc_release.release.publish.headers import of_release
from epc_release.release.publish.parallel import each
from epc_release.release.publish.stores import Store

_TOP = re.compile(r"\.analyse-[0-9a-f]{16}/")
WORKERS = 8


@dataclass(frozen=True)
class Bench:
    """A store, the prefix ``top`` for trials (ending in ``/``), and a folder for sources."""

    store: Store
    top: str
    folder: Path

    def put(self, name: str, data: bytes) -> str:
        """Store ``data`` as ``top``/``name``; its path."""
        source = self.folder / secrets.token_hex(8)
        source.write_bytes(data)
        path = f"{self.top}{name}"
        try:
            sha256 = hashlib.sha256(data).hexdigest()
            self.store.put(path, source, sha256=sha256, headers=of_release(path))
        finally:
            source.unlink()
        return path

    def read(self, path: str) -> bytes:
        """All of an object."""
        with self.store.open(path) as file:
            return file.read()


@contextmanager
def bench(store: Store) -> Iterator[Bench]:
    """A bench in ``store``, emptied at the end; of one that was killed, a later publish is rid."""
    with tempfile.TemporaryDirectory() as folder:
        made = Bench(store, f".analyse-{secrets.token_hex(8)}/", Path(folder))
        try:
            yield made
        finally:
            _empty(made)


def _empty(made: Bench) -> None:
    paths = [info.path for info in made.store.list(made.top) if _TOP.match(info.path)]
    each(made.store.delete, paths, WORKERS)
    if isinstance(made.store, FolderStore):
        shutil.rmtree(made.store.root / made.top, ignore_errors=True)


@dataclass
class Watch:
    """Seconds since it was made."""

    started: float

    @classmethod
    def start(cls) -> Watch:
        return cls(time.perf_counter())

    def rate(self, amount: float) -> float:
        """``amount`` a second."""
        return amount / max(time.perf_counter() - self.started, 1e-6)
