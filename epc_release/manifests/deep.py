"""Reading every row of a release: values, keys, parents, partitions, and what the archives hold."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from epc_release.errors import ReleaseError
from epc_release.manifests.content import csv_lines
from epc_release.manifests.contents import Contents, compare_archives
from epc_release.manifests.described import Described, DescribedTable
from epc_release.manifests.documents import Seen
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.inspect import DAMAGE
from epc_release.manifests.keys import KeyIndex, KeySpill, Prints, Tags, fingerprints
from epc_release.manifests.layout import partition_order, partition_value, year_label
from epc_release.manifests.reader import Reader
from epc_release.manifests.report import Finding
from epc_release.schemas.checks import Finding as Violation
from epc_release.schemas.checks import Plan, compile_checks

_BATCH_ROWS = 65_536
_MOST_SUSPECTS = 100_000  # fingerprints that are compared exactly


@dataclass(frozen=True)
class _Parent:
    """Keys of a table that others refer to; a key's tag is the position of its year's label."""

    keys: KeyIndex
    labels: tuple[str, ...] | None


def verify_rows(
    reader: Reader, described: Described, sound: frozenset[str], seen: Seen
) -> list[Finding]:
    """Read the rows of all ``sound`` files, parents before children, then the archives.

    Memory does not grow with the rows, except for 10 bytes a row of tables that have children;
    fingerprints of keys go through a temporary folder. What the rows show is added to ``seen``.
    """
    findings: list[Finding] = []
    contents: dict[str, Contents] = {}
    parents: dict[str, _Parent] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, table in enumerate(sorted(described.tables, key=lambda t: bool(t.parent))):
            has_children = any(other.parent == table.name for other in described.tables)
            try:
                rows = _Rows(reader, table, parents.get(table.parent or ""), sound, seen)
                spill = KeySpill(Path(folder) / str(number)) if table.schema.primary_key else None
                findings += rows.read(spill)
            except ReleaseError as error:
                if not error.problem.code.startswith("E13"):
                    raise
                findings.append(Finding("E701", table.name, {"problem": error}))
                continue
            contents[table.name] = rows.contents
            if spill is not None:
                findings += rows.duplicates(spill.repeated())
                if has_children and rows.contents.complete:
                    parents[table.name] = _Parent(KeyIndex(spill, rows.rows), rows.labels)
        archives = [archive for archive in described.archives if archive.path in sound]
        findings += compare_archives(reader, archives, contents)
    return findings


class _Rows:
    """The pass over one table."""

    def __init__(
        self,
        reader: Reader,
        table: DescribedTable,
        parent: _Parent | None,
        sound: frozenset[str],
        seen: Seen,
    ) -> None:
        self._seen = seen
        self._reader, self._table, self._parent = reader, table, parent
        self._checks: Plan = compile_checks(table.schema)
        values = partition_order({partition_value(part.path) for part in table.files})
        ordered = sorted(table.files, key=lambda part: values.index(partition_value(part.path)))
        self._parts = [part for part in ordered if part.path in sound]
        own_year = table.year in table.schema.names
        inherits_year = parent is not None and parent.labels is not None and table.parent_key
        by_year = table.year is None or own_year or bool(inherits_year)
        self.contents = Contents(table.csv_names, by_year=by_year)
        self.contents.complete = len(self._parts) == len(table.files)
        self._labels: dict[str, int] = {}
        self._own_year = own_year
        self.rows = 0

    @property
    def labels(self) -> tuple[str, ...] | None:
        return tuple(self._labels) if self._own_year else None

    def read(self, spill: KeySpill | None) -> Iterator[Finding]:
        """Read every part; fingerprints of the primary key go to ``spill``."""
        with spill or nullcontext():
            for part in self._parts:
                try:
                    with self._reader.open(part.path) as file:
                        yield from self._part(part, file, spill)
                except DAMAGE:
                    self.contents.complete = False
                    yield Finding("E715", part.path, {"kind": "Parquet with canonical values"})
        if self.contents.complete and self.rows != self._table.rows:
            told = {"found": self.rows, "expected": self._table.rows, "where": "the descriptor"}
            yield Finding("E707", self._table.name, told)
        if self.contents.complete:
            self._seen.whole.add(self._table.name)
            self._seen.checked.update(
                (self._table.name, check.field, check.code)
                for check in self._checks.checks
                if check.severity == "warning"
            )

    def _part(self, part: FileFacts, file: BinaryIO, spill: KeySpill | None) -> Iterator[Finding]:
        table, value = self._table, partition_value(part.path)
        tally, first = _Tally(), 0
        for frame in _frames(file):
            violations = tally.values(self._checks, frame, first)
            self._seen.add(table.name, value, frame, violations)
            if table.partition is not None and table.partition in frame.columns:
                column = pl.col(table.partition).cast(pl.String)
                other = column.ne_missing(pl.lit(value, pl.String)).sum()
                tally.elsewhere += frame.select(other).item()
            years, tags = self._years(frame, tally)
            if spill is not None:
                spill.add(fingerprints(frame, table.schema.primary_key), tags)
            self.contents.add(value, csv_lines(frame.select(table.csv_names)), years)
            first += frame.height
        self.rows += first
        yield from tally.findings(part, table)
        if self.contents.at(("partition", value)).sha256 != part.content_sha256:
            yield Finding("E713", part.path, {"what": "its content_sha256"})

    def _years(self, frame: pl.DataFrame, tally: _Tally) -> tuple[pl.Series | None, Tags]:
        """The year label of each row, where it can be told, and what stands beside its key."""
        tags = np.zeros(frame.height, dtype=np.uint16)
        table, labels = self._table, None
        if self._own_year and table.year is not None:
            label = year_label(table.year, frame.schema[table.year])
            labels = frame.select(label).to_series()
            for year in labels.unique():
                self._labels.setdefault(year, len(self._labels))
            tags = labels.replace_strict(self._labels, return_dtype=pl.UInt16).to_numpy()
        if self._parent is not None and table.parent_key:
            there, parent_tags = self._parent.keys.find(fingerprints(frame, table.parent_key))
            given = frame.select(pl.all_horizontal(pl.col(table.parent_key).is_not_null()))
            tally.orphans += int((~there & given.to_series().to_numpy()).sum())
            if labels is None and self._parent.labels:
                known = pl.Series(self._parent.labels, dtype=pl.String)
                labels = known.gather(parent_tags)
        return labels, tags

    def duplicates(self, suspects: Prints) -> Iterator[Finding]:
        """Rows that share their primary key, compared exactly."""
        if len(suspects):
            key = list(self._table.schema.primary_key)
            counted = [
                frame.filter(
                    pl.Series(np.isin(fingerprints(frame, key), suspects[:_MOST_SUSPECTS]))
                )
                .group_by(key)
                .len()
                for part in self._parts
                for frame in self._key_frames(part, key)
            ]
            groups = pl.concat(counted).group_by(key).agg(pl.col("len").sum())
            count = groups.filter(pl.col("len") > 1)["len"].sum()
            if count:
                yield Finding("E711", self._table.name, {"count": count})

    def _key_frames(self, part: FileFacts, key: list[str]) -> Iterator[pl.DataFrame]:
        with self._reader.open(part.path) as file:
            yield from _frames(file, key)


class _Tally:
    """What one part has wrong, added up over its batches."""

    def __init__(self) -> None:
        self.elsewhere, self.orphans = 0, 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], tuple[int, ...]] = {}

    def values(self, checks: Plan, frame: pl.DataFrame, first: int) -> tuple[Violation, ...]:
        """Run the checks of the schema; warnings are no findings: such values are published."""
        violations = checks.run(frame)
        for found in violations:
            if found.severity == "error":
                key = (found.field, found.code)
                self._counts[key] += found.count
                self._first.setdefault(key, tuple(first + row + 1 for row in found.rows))
        return violations

    def findings(self, part: FileFacts, table: DescribedTable) -> Iterator[Finding]:
        for (column, check), count in self._counts.items():
            rows = ", ".join(map(str, self._first[column, check])) or "all"
            told = {"column": column, "check": check, "count": count, "rows": rows}
            yield Finding("E710", part.path, told)
        if self.elsewhere:
            told = {"count": self.elsewhere, "column": table.partition}
            yield Finding("E714", part.path, told)
        if self.orphans:
            yield Finding("E712", part.path, {"count": self.orphans, "parent": table.parent})


def _frames(file: BinaryIO, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=columns):
        frame = pl.from_arrow(batch)
        if isinstance(frame, pl.DataFrame):
            yield frame
