"""What the CSV of each partition and year must be, hashed while the Parquet files are read.

The archives hold the same bytes in another grouping: a partition's records in the order of its
Parquet file, a year's by partition. So equal hashes prove equal records, without sorting anything.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from epc_release.manifests.content import Lines, csv_header
from epc_release.manifests.facts import ArchiveFacts, MemberFacts
from epc_release.manifests.inspect import DAMAGE
from epc_release.manifests.reader import Reader
from epc_release.manifests.report import Finding

Key = tuple[str, str | None]  # ("partition", value), ("year", label) or ("all", None)
WHOLE: Key = ("all", None)
_BLOCK = 1 << 20


class Content:
    """A CSV that is not kept: its hash, bytes and rows (the header is no row)."""

    def __init__(self, header: bytes) -> None:
        self._hash = hashlib.sha256(header)
        self.bytes, self.rows = len(header), 0

    def add(self, records: memoryview, rows: int) -> None:
        self._hash.update(records)
        self.bytes += len(records)
        self.rows += rows

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Contents:
    """The CSVs of one table by partition, year and in all; without records, a header alone.

    ``complete``: every part was read; ``by_year``: each row's year is known.
    """

    def __init__(self, names: tuple[str, ...], *, by_year: bool) -> None:
        self._header = csv_header(tuple(names))
        self._found: dict[Key, Content] = {}
        self.by_year, self.complete = by_year, True

    def at(self, key: Key) -> Content:
        if key not in self._found:
            self._found[key] = Content(self._header)
        return self._found[key]

    def expected(self, kind: str) -> set[Key]:
        """What the archives of a kind must hold together: the CSVs that have records."""
        with_records = {key for key, content in self._found.items() if content.rows}
        if kind == "partition":
            return {key for key in with_records if key[0] == "partition"}
        return {key for key in with_records if key[0] != "partition"} if self.by_year else set()

    def add(self, partition: str | None, lines: Lines, years: pl.Series | None) -> None:
        """Records of one partition in order, with the year label of each where it is known."""
        rows = len(lines.ends)
        self.at(("partition", partition)).add(lines.data, rows)
        if years is None:
            self.at(WHOLE).add(lines.data, rows)
            return
        start = 0
        for length, year in years.rle().struct.unnest().iter_rows():
            self.at(("year", year)).add(lines.rows(start, start + length), length)
            start += length


def compare_archives(
    reader: Reader, archives: Iterable[ArchiveFacts], contents: Mapping[str, Contents]
) -> Iterator[Finding]:
    """Every member of every archive against what the Parquet files make of it.

    A table of which a part could not be read is left out: that was found before. Where the year of
    a child's rows cannot be told, the archives are compared with each other.
    """
    covered: dict[tuple[str, str], set[Key]] = defaultdict(set)
    first_seen: dict[tuple[str, Key], str] = {}
    for archive in archives:
        with reader.open(archive.path) as file, zipfile.ZipFile(file) as zipped:
            for member in archive.members:
                table = contents.get(member.table)
                if table is None:
                    problem = f"{member.name} is of a table that the descriptor does not have"
                    yield Finding("E709", archive.path, {"problem": problem})
                    continue
                key = member_key(archive, member)
                covered[member.table, archive.kind].add(key)
                if table.complete and not _same(zipped, member, table, key, first_seen):
                    yield Finding("E713", archive.path, {"what": member.name})
    for (name, kind), keys in covered.items():
        if contents[name].complete and not contents[name].expected(kind) <= keys:
            yield Finding("E713", name, {"what": f"the set of archives by {kind}"})


def member_key(archive: ArchiveFacts, member: MemberFacts) -> Key:
    """Which of its table's CSVs a member is."""
    if archive.kind == "partition":
        return ("partition", archive.value)
    return WHOLE if member.year is None else ("year", member.year)


def _same(
    zipped: zipfile.ZipFile,
    member: MemberFacts,
    table: Contents,
    key: Key,
    first_seen: dict[tuple[str, Key], str],
) -> bool:
    if key[0] == "year" and not table.by_year:
        digest = _sha256(zipped, member)
        return digest is not None and first_seen.setdefault((member.table, key), digest) == digest
    expected = table.at(key)
    if (member.bytes, member.rows) != (expected.bytes, expected.rows):
        return False
    return _sha256(zipped, member) == expected.sha256


def _sha256(zipped: zipfile.ZipFile, member: MemberFacts) -> str | None:
    """The hash of a member, of which no more than its described bytes are read."""
    digest, left = hashlib.sha256(), member.bytes
    try:
        with zipped.open(member.name) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                left -= len(block)
                if left < 0:
                    return None
    except DAMAGE:
        return None
    return digest.hexdigest()
