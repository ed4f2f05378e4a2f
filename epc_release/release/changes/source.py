"""Changes that somebody published: a folder or URI with ``changes.json``, or a release with it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.changes import DOCUMENT, Changes, TableChange, read_document
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import CHANGES, CHECKSUMS, is_safe_path
from epc_release.manifests.reader import Reader
from epc_release.release.fetch.download import Wanted, download
from epc_release.release.progress import Progress
from epc_release.release.publish.candidate import parse_sums
from epc_release.release.publish.reader import open_reader
from epc_release.release.told import read_small


@dataclass
class Source:
    """Changes at ``place``; their files stand below ``prefix`` there, and here once fetched."""

    place: str
    changes: Changes
    reader: Reader
    prefix: str
    bytes: int
    folder: Path = field(default_factory=Path)

    def fetch(self, folder: Path, tables: Collection[str], progress: Progress) -> int:
        """Bring the Parquet lists of tables into ``folder``; the bytes of all that was read.

        Raises E748 to E750 and what the store raises.
        """
        self.folder = folder
        files = [
            Wanted(self.prefix + file.path, file.bytes, file.sha256)
            for table in self.changes.tables
            if table.name in tables
            for file in lists(table)
        ]
        total = sum(file.bytes for file in files)
        with progress.stage(f"read changes to {self.changes.new[0]}", total, "bytes") as tell:
            download(self.reader, files, folder, tell)
        return total + self.bytes

    def local(self, file: FileFacts) -> Path:
        """A list that was fetched."""
        return self.folder / (self.prefix + file.path)


def lists(table: TableChange) -> Iterator[FileFacts]:
    """The lists of a table that ``apply`` needs."""
    return (f for f in (*table.records, *table.removed) if f.path.endswith(".parquet"))


def open_source(place: str, base: str) -> Source:
    """The changes at a folder or URI; of a release those that begin with ``base``.

    Raises E740 where a release has none of that base, E741 where they cannot be read.
    """
    reader = open_reader(place)
    data = _found(reader, DOCUMENT)
    if data is not None:
        return _source(place, reader, "", data)
    try:
        sums = parse_sums(read_small(reader, CHECKSUMS), place)
    except ReleaseError as error:
        if error.problem.code != "E507":
            raise
        problem = f"there is neither a {DOCUMENT} nor a release"
        raise ReleaseError("E741", changes=place, problem=problem) from None
    prefix = f"{CHANGES}/{base}/"
    if not is_safe_path(prefix + DOCUMENT) or prefix + DOCUMENT not in sums:
        bases = (path.split("/") for path in sums if path.endswith(f"/{DOCUMENT}"))
        known = ", ".join(sorted(parts[1] for parts in bases if parts[0] == CHANGES))
        raise ReleaseError(
            "E740", changes=place, expected=known or "nowhere", found=f"release {base}", where=""
        )
    data = read_small(reader, prefix + DOCUMENT)
    if hashlib.sha256(data).hexdigest() != sums[prefix + DOCUMENT]:
        raise ReleaseError("E750", path=prefix + DOCUMENT)
    return _source(place, reader, prefix, data)


def _found(reader: Reader, path: str) -> bytes | None:
    try:
        return read_small(reader, path)
    except ReleaseError as error:
        if error.problem.code != "E507":
            raise
        return None


def _source(place: str, reader: Reader, prefix: str, data: bytes) -> Source:
    try:
        changes = read_document(data)
    except ValueError as error:
        raise ReleaseError("E741", changes=place, problem=f"{DOCUMENT}: {error}") from error
    return Source(place, changes, reader, prefix, len(data))
