"""Do the documents of a release, its dictionary and its issue log, say what its data says?

What the published schema and the rows alone tell is compared: names, types, units and values of
columns, shares of missing cells, counts of warnings that can be seen in published values. What only
the extract could tell (errors that were published missing, missing tokens) is not.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.manifests import dictionary, issues
from epc_release.manifests.columns import FILE_METADATA
from epc_release.manifests.described import Described, DescribedTable
from epc_release.manifests.inspect import DAMAGE
from epc_release.manifests.layout import DICTIONARY, ISSUES, QUALITY
from epc_release.manifests.reader import Reader
from epc_release.manifests.report import Finding
from epc_release.schemas.checks.plan import Finding as Violation
from epc_release.schemas.table import TableSchema

_MOST_BYTES = 64 << 20
Place = tuple[str, str, str]  # table, column, code


@dataclass
class Seen:
    """What reading all rows of the tables in ``whole`` has shown.

    ``checked`` are the warnings that were looked for, ``warnings`` their counts by partition.
    """

    whole: set[str] = field(default_factory=set)
    rows: Counter[str] = field(default_factory=Counter)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    checked: set[Place] = field(default_factory=set)
    warnings: dict[Place, Counter[str | None]] = field(default_factory=lambda: defaultdict(Counter))

    def add(
        self, table: str, place: str | None, frame: pl.DataFrame, found: Iterable[Violation]
    ) -> None:
        """Rows of one partition of a table, and what the checks found in them."""
        self.rows[table] += frame.height
        for name, count in frame.null_count().row(0, named=True).items():
            self.missing[table, name] += count
        for violation in found:
            if violation.severity == "warning":
                self.warnings[table, violation.field, violation.code][place] += violation.count


def verify_documents(
    reader: Reader, described: Described, sound: frozenset[str] | set[str], seen: Seen | None
) -> Iterator[Finding]:
    """The documents that the release has and whose hashes are right; ``seen`` where rows were read.

    A release of before there were such documents has none, and nothing is found.
    """
    listed = {document.path for document in described.documents} & sound
    if DICTIONARY in listed:
        for problem in _guarded(lambda: _dictionary(reader, described, seen)):
            yield Finding("E716", DICTIONARY, {"problem": problem})
    if ISSUES in listed:
        for problem in _guarded(lambda: _issues(reader, seen)):
            yield Finding("E716", ISSUES, {"problem": problem})


def _guarded(compare: Callable[[], Iterator[str]]) -> list[str]:
    try:
        return list(compare())
    except (*DAMAGE, csv.Error, KeyError, TypeError, AttributeError, RecursionError):
        return ["it cannot be read, or is not as ours are"]


def _dictionary(reader: Reader, described: Described, seen: Seen | None) -> Iterator[str]:
    with reader.open(DICTIONARY) as file:
        text = file.read(_MOST_BYTES).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    if rows and tuple(rows[0]) != dictionary.COLUMNS:
        yield "it has other columns"
        return
    told = defaultdict(list)
    for row in rows:
        told[row["table"]].append(row)
    counted = {table.name: table.schema for table in described.aggregates}
    if {*told} != {table.name for table in described.tables} | {*counted}:
        yield "its tables are not those of the descriptor"
    for table in described.tables:
        yield from _columns(table, told[table.name], seen)
    for name, schema in counted.items():
        if not _told(told[name], schema):
            yield f"what it says of {name} is not what the descriptor says"


def _columns(table: DescribedTable, told: list[dict[str, str]], seen: Seen | None) -> Iterator[str]:
    if not _told(told, table.schema):
        yield f"what it says of {table.name} is not what the descriptor says"
    if seen is None or table.name not in seen.whole or not seen.rows[table.name]:
        return
    for row in told:
        share, missing = row["share_missing"], seen.missing[table.name, row["name"]]
        digits = len(share.partition(".")[2])
        if share and share != dictionary.share_text(missing, seen.rows[table.name], digits):
            yield f"{table.name}, {row['name']}: the share of missing cells is another one"


def _told(rows: list[dict[str, str]], schema: TableSchema) -> bool:
    """Whether the rows tell the columns of the schema."""
    expected = [dictionary.described(field) for field in schema.fields]
    names = ("name", "type", "unit", "allowed_values", "known_values")
    return [tuple(row[name] for name in names) for row in rows] == expected


def _issues(reader: Reader, seen: Seen | None) -> Iterator[str]:
    with reader.open(ISSUES) as file:
        data = file.read(_MOST_BYTES)
    # from memory, in one thread: one of pyarrow's that still held the file when Python ends aborts
    found = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
    if not found.schema.equals(issues.SCHEMA):
        yield "it has other columns"
        return
    if not {*(found.schema.metadata or {})} <= FILE_METADATA:
        yield "it carries metadata of its own"
    counts: dict[Place, dict[str | None, int]] = defaultdict(dict)
    for row in found.to_pylist():
        counts[row["table"], row["column"], row["code"]][row["partition"]] = row["count"]
    with reader.open(QUALITY) as file:
        told = json.loads(file.read(_MOST_BYTES))["issues"]
    totals = {(i["table"], i["column"], i["code"]): i["count"] for i in told}
    for place in sorted({*totals, *counts}):
        total = totals.get(place)
        if place not in totals or sum(counts[place].values()) != (total or 0):
            yield f"{', '.join(place)}: its counts are not those of {QUALITY}"
        elif seen is not None and total is not None:
            yield from _warnings(place, counts[place], seen)


def _warnings(place: Place, told: dict[str | None, int], seen: Seen) -> Iterator[str]:
    """Warnings that published values show; merged partitions are compared together."""
    if place[0] not in seen.whole or place not in seen.checked:
        return
    found = seen.warnings.get(place, Counter())
    alone = {partition for partition in told if partition != issues.MERGED}
    together: dict[str | None, int] = {partition: found[partition] for partition in alone}
    together[issues.MERGED] = sum(n for p, n in found.items() if p not in alone)
    if {p: n for p, n in together.items() if n} != told:
        yield f"{', '.join(place)}: the rows have another number of them"
