"""Archives assembled from fragments: nothing is serialised or compressed a second time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from zlib_ng import zlib_ng

from epc_release.errors import ReleaseError
from epc_release.manifests.content import csv_header
from epc_release.manifests.facts import ArchiveFacts, MemberFacts
from epc_release.manifests.layout import (
    LICENCE_MEMBER,
    all_archive,
    partition_archive,
    partition_order,
    year_archive,
)
from epc_release.release.write.fragments import END, Fragment, PartitionCsv, deflate
from epc_release.release.write.sink import HashingSink
from epc_release.release.write.ziprecords import MAX_32, Entry, central_directory, local_header
from epc_release.schemas.register import Register, Table

KINDS = ("partition", "year", "all")
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class TableCsv:
    """A table's compressed CSV: columns in order, every partition (any order).

    ``partition`` and ``year`` are the published columns that archives follow, as in ``TableFacts``.
    """

    table: Table
    names: tuple[str, ...]
    partitions: tuple[PartitionCsv, ...]
    partition: str | None
    year: str | None


@dataclass(frozen=True)
class Member:
    """One file of an archive: text that stands first, then stored fragments.

    ``table`` and ``year`` are empty for the licence.
    """

    name: str
    text: bytes
    fragments: tuple[tuple[str, Fragment], ...] = ()  # (fragment store, fragment)
    table: str | None = None
    year: str | None = None

    @property
    def rows(self) -> int:
        return sum(fragment.rows for _, fragment in self.fragments)

    @property
    def raw_bytes(self) -> int:
        return len(self.text) + sum(fragment.raw_bytes for _, fragment in self.fragments)


@dataclass(frozen=True)
class Archive:
    """An archive to write: a small picklable value, since its data stands in fragment stores."""

    path: str
    kind: str
    value: str | None
    members: tuple[Member, ...]


def plan_archives(
    register: Register,
    tables: Sequence[TableCsv],
    licence: str,
    kinds: Sequence[str] = KINDS,
) -> tuple[Archive, ...]:
    """Every archive of the release, by path.

    Tables with one ``archive`` name share their zips. An archive of a partition or a year holds
    every one of those tables, with its header alone where it has no rows there; a table without
    rows is in none. A partition or year that the policy does not publish has no archive. Raises
    E380 for a name that cannot be made or would be made twice.
    """
    end = Member(LICENCE_MEMBER, licence.encode())
    families: dict[str, list[TableCsv]] = defaultdict(list)
    for table in tables:
        if table.partitions:
            families[table.table.archive].append(table)
    found = list(
        chain.from_iterable(
            _PLANNERS[kind](register, name, family, end)
            for name, family in families.items()
            for kind in kinds
        )
    )
    paths = [archive.path for archive in found]
    for archive in found:
        if paths.count(archive.path) > 1:
            raise ReleaseError("E380", archive=archive.path)
    return tuple(sorted(found, key=lambda archive: archive.path))


def _by_partition(
    register: Register, name: str, family: Sequence[TableCsv], end: Member
) -> Iterator[Archive]:
    column = family[0].partition
    if column is None:
        return
    for value in partition_order({part.value for table in family for part in table.partitions}):
        path = partition_archive(name, value, register.codelists.get(column))
        members = [
            _member(table, table.table.member, [p for p in table.partitions if p.value == value])
            for table in family
        ]
        yield Archive(path, "partition", value, (*members, end))


def _by_year(_: Register, name: str, family: Sequence[TableCsv], end: Member) -> Iterator[Archive]:
    if family[0].year is None:
        return
    for year in _years(family):
        members = [_member(t, t.table.member, t.partitions, year) for t in family]
        yield Archive(year_archive(name, year), "year", year, (*members, end))


def _of_all(_: Register, name: str, family: Sequence[TableCsv], end: Member) -> Iterator[Archive]:
    years = [None] if family[0].year is None else _years(family)
    members = [
        _member(
            t, t.table.member if year is None else f"{t.table.member}-{year}", t.partitions, year
        )
        for t in family
        for year in years
    ]
    yield Archive(all_archive(name), "all", None, (*members, end))


_PLANNERS = {"partition": _by_partition, "year": _by_year, "all": _of_all}


def _years(family: Iterable[TableCsv]) -> list[str]:
    return sorted({f.year for table in family for p in table.partitions for f in p.fragments})


def _member(
    table: TableCsv, name: str, partitions: Iterable[PartitionCsv], year: str | None = None
) -> Member:
    """The CSV of some partitions, of one year or (None) of all of them."""
    parts = {part.value: part for part in partitions}
    fragments = tuple(
        (parts[value].store, fragment)
        for value in partition_order(parts)
        for fragment in parts[value].fragments
        if year in (None, fragment.year)
    )
    return Member(f"{name}.csv", csv_header(table.names), fragments, table.table.name, year)


def write_archive(root: Path, archive: Archive, *, zip64_from: int = MAX_32) -> ArchiveFacts:
    """Write one archive under ``root``, hashing while writing.

    ``zip64_from`` is the size in bytes from which ZIP64 records are used (the format's own limit).
    """
    entries = []
    with HashingSink(root, archive.path) as sink:
        for member in archive.members:
            head = deflate(member.text)
            entry = Entry(
                member.name,
                _crc32(member),
                len(head) + sum(f.length for _, f in member.fragments) + len(END),
                member.raw_bytes,
                sink.tell(),
            )
            entries.append(entry)
            sink.write(local_header(entry, zip64_from))
            sink.write(head)
            for store, fragment in member.fragments:
                _copy(store, fragment, sink)
            sink.write(END)
        sink.write(central_directory(entries, sink.tell(), zip64_from))
        return _facts(sink, archive)


def _facts(sink: HashingSink, archive: Archive) -> ArchiveFacts:
    file = sink.facts()
    members = tuple(
        MemberFacts(m.name, m.table, m.rows, m.raw_bytes, m.year)
        for m in archive.members
        if m.table is not None
    )
    return ArchiveFacts(
        file.path,
        file.bytes,
        file.sha256,
        kind=archive.kind,
        value=archive.value,
        members=members,
    )


def _crc32(member: Member) -> int:
    crc = int(zlib_ng.crc32(member.text))
    for _, fragment in member.fragments:
        crc = zlib_ng.crc32_combine(crc, fragment.crc32, fragment.raw_bytes)
    return crc


def _copy(store: str, fragment: Fragment, sink: HashingSink) -> None:
    with Path(store).open("rb") as file:
        file.seek(fragment.offset)
        left = fragment.length
        while left:
            block = file.read(min(left, _COPY_BYTES))
            if not block:
                raise EOFError(f"{Path(store).name} ends within a fragment")
            sink.write(block)
            left -= len(block)
