"""The issue log: cells of published rows with an issue, per table, column, code and partition.

Where a release names nobody (its records are no personal data), no count below ``LEAST`` is told:
small counts of partitions are merged into one row, which covers at least two partitions and
``LEAST`` cells, and an issue of fewer cells in all has no count. Rejected records never stand here.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.manifests.facts import FileFacts, ReleaseFacts, TableFacts
from epc_release.manifests.layout import ISSUES

LEAST = 10
MERGED = "*"  # stands for several partitions; no partition's value is spelt so (code lists)
COLUMNS = ("table", "column", "code", "severity", "partition", "count")
SCHEMA = pa.schema([(name, pa.int64() if name == "count" else pa.string()) for name in COLUMNS])

Counts = Mapping[str | None, int]


@dataclass(frozen=True)
class ToldIssue:
    """One issue of a column as it is published: ``count`` None where it is withheld."""

    table: str
    column: str
    code: str
    severity: str
    count: int | None
    partitions: Counts


def least_count(facts: ReleaseFacts) -> int:
    """The least count that a release tells."""
    return 1 if facts.policy.personal_data else LEAST


def told_issues(facts: ReleaseFacts) -> Iterator[ToldIssue]:
    """Issues of published columns: tables in their order, then by column, code and severity."""
    for table in facts.tables:
        for (column, code, severity), counts in sorted(_counts(table).items()):
            total = sum(counts.values())
            if total < least_count(facts):
                yield ToldIssue(table.name, column, code, severity, None, {})
                continue
            told = counts if facts.policy.personal_data else merge_small(counts)
            yield ToldIssue(table.name, column, code, severity, total, told)


def _counts(table: TableFacts) -> dict[tuple[str, str, str], dict[str | None, int]]:
    found: dict[tuple[str, str, str], dict[str | None, int]] = defaultdict(dict)
    for issue in table.issues:
        if issue.count and issue.column in table.schema.by_name:
            counts = found[issue.column, issue.code, issue.severity]
            counts[issue.partition] = counts.get(issue.partition, 0) + issue.count
    return found


def merge_small(counts: Counts) -> dict[str | None, int]:
    """Counts of which none is below ``LEAST``, of the same total; that must not be below it.

    A partition has at least as many rows as cells with an issue in one column, so a partition of
    fewer rows than ``LEAST`` is always among those that are merged.
    """
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0] is None, pair[0] or ""))
    large = [pair for pair in ordered if pair[1] >= LEAST]
    small = ordered[len(large) :]
    while small and large and (sum(n for _, n in small) < LEAST or len(small) < 2):
        small.append(large.pop())
    told = dict(large)
    if small:
        told[MERGED] = sum(n for _, n in small)
    return told


def write_issues(facts: ReleaseFacts, folder: Path) -> FileFacts:
    """Write ``quality/issues.parquet``; columns ``COLUMNS``, a missing partition last."""
    rows = [
        (issue.table, issue.column, issue.code, issue.severity, partition, count)
        for issue in told_issues(facts)
        for partition, count in sorted(
            issue.partitions.items(), key=lambda pair: (pair[0] is None, pair[0] or "")
        )
    ]
    records = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(records, schema=SCHEMA), sink, compression="zstd")
    data = sink.getvalue()
    (folder / ISSUES).parent.mkdir(exist_ok=True)
    (folder / ISSUES).write_bytes(data)
    return FileFacts(ISSUES, len(data), hashlib.sha256(data).hexdigest(), len(rows))
