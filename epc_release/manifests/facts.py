"""What a finished build knows: frozen facts, from which every description of a release is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from epc_release.schemas.register import Register
from epc_release.schemas.table import TableSchema


@dataclass(frozen=True)
class FileFacts:
    """One file of the release: ``path`` relative to it, size in bytes, lower-case sha256 in hex.

    ``rows`` counts records (none for files without); ``content_sha256`` is of the partition's
    uncompressed CSV, header included, and is set for Parquet parts only.
    """

    path: str
    bytes: int
    sha256: str
    rows: int | None = None
    content_sha256: str | None = None


@dataclass(frozen=True)
class MemberFacts:
    """One CSV in an archive: the table and, in the archive of a whole table family, the year.

    ``bytes`` and ``rows`` are of the uncompressed CSV, header included in the bytes only.
    """

    name: str
    table: str
    rows: int
    bytes: int
    year: str | None = None


@dataclass(frozen=True)
class ArchiveFacts(FileFacts):
    """A zip of CSVs: of one partition, of one year, or of all (``kind``); whose, is ``value``.

    ``value`` is the partition's value (None: the missing one) or the year. ``members`` are its
    CSVs in order; the licence stands beside them.
    """

    kind: str = "all"  # "partition", "year" or "all"
    value: str | None = None
    members: tuple[MemberFacts, ...] = ()


@dataclass(frozen=True)
class Issue:
    """Cells of the published rows of one partition with this code.

    ``partition`` is its value; None where that is missing, or the table has no partitions.
    """

    table: str
    column: str
    code: str
    severity: str  # "error" (published missing) or "warning" (published as it is)
    count: int
    partition: str | None = None


@dataclass(frozen=True)
class TableLedger:
    """Row accounting of one table; read = published + excluded + rejected + suppressed."""

    read: int
    published: int
    excluded: dict[str, int] = field(default_factory=dict)  # by id of the first rule that matched
    rejected: dict[str, int] = field(default_factory=dict)  # by code
    suppressed: int = 0


@dataclass(frozen=True)
class KeySetFacts:
    """A key set: what somebody may know, what was asked for, and what the files were found to hold.

    ``unit`` is True where distinct units are counted and not rows; ``asked`` are its limits,
    ``measures`` those of the finished files by name (plain values). ``worst`` is the greatest
    expected share of re-identified units in a partition, and which; ``before`` what was measured
    before suppression. Neither is public.
    """

    id: str
    why: str
    keys: tuple[str, ...]
    unit: bool
    asked: Mapping[str, Any]
    measures: Mapping[str, Any]
    worst: tuple[float, str | None]
    before: Mapping[str, Any]


@dataclass(frozen=True)
class RuleFacts:
    """What the policy does to one column: the rule's name, the column's class (identifier, key,
    sensitive or other) and whether it is published.

    ``used`` are the hashes of the files that the rule follows, by name. ``did`` is what was counted
    (plain values); it is not public.
    """

    column: str
    rule: str
    column_class: str
    published: bool
    used: Mapping[str, str] = field(default_factory=dict)
    did: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableFacts:
    """One published table: its derived schema (of Parquet), ledger, issues and Parquet parts.

    ``inherited`` names the columns that a child takes from its parent: they stand in the Parquet
    files and not in the CSV. ``partition`` and ``year`` are the published columns that partitions
    and yearly archives follow (of a child: its parent's names); None where the policy drops them.
    ``years`` are published rows by year label; by column, ``missing`` are cells without a value and
    ``first_years`` the least year that has one (none of a column that never has). ``starred`` are
    cells that suppression made missing, by column; ``alone`` counts records that no other equals in
    all that is published but identifiers (None where nobody counted). ``rules`` are of its columns,
    ``record_rules`` the ids of those that leave records out, in order.
    """

    name: str
    schema: TableSchema
    ledger: TableLedger
    parts: tuple[FileFacts, ...]
    issues: tuple[Issue, ...] = ()
    inherited: tuple[str, ...] = ()
    partition: str | None = None
    year: str | None = None
    years: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    first_years: Mapping[str, str] = field(default_factory=dict)
    key_sets: tuple[KeySetFacts, ...] = ()
    starred: Mapping[str, int] = field(default_factory=dict)
    alone: int | None = None
    rules: tuple[RuleFacts, ...] = ()
    record_rules: tuple[str, ...] = ()

    @property
    def csv_names(self) -> tuple[str, ...]:
        """The columns of the CSV, in order."""
        return tuple(name for name in self.schema.names if name not in self.inherited)


@dataclass(frozen=True)
class AggregateFacts:
    """A table of counts beside the records of ``table``, as CSV and as Parquet.

    ``where`` is the filter in the words of the policy, empty where there is none. ``protection`` is
    ``cell-key`` or ``round``, or ``none`` where the published records give the table exactly.
    """

    name: str
    title: str
    table: str
    schema: TableSchema
    csv: FileFacts
    parquet: FileFacts
    where: str
    protection: str
    threshold: int | None = None
    round_to: int | None = None
    ptable: str | None = None

    @property
    def files(self) -> tuple[FileFacts, FileFacts]:
        return self.csv, self.parquet


@dataclass(frozen=True)
class ChangeFacts:
    """One file of what changed since the earlier release ``since``.

    ``kind`` is ``records``, ``removed`` or ``index`` (``changes.json``, of no one ``table``);
    ``schema`` is that of a Parquet list. ``number`` tells the parts of a list.
    """

    since: str
    kind: str
    file: FileFacts
    table: str | None = None
    number: int = 0
    schema: TableSchema | None = None


@dataclass(frozen=True)
class PolicyFacts:
    """The policy as the release tells it; reasons map a rule's id to its public reason.

    ``personal_data``: whether the records are personal data, as address-level ones are. The Open
    Government Licence does not license that, so the descriptor never names it alone then.
    """

    name: str
    title: str
    description: str
    sha256: str
    access: str  # "registered" or "open"
    reasons: dict[str, str]  # rule id -> "out-of-scope" | "withheld" | "invalid"
    personal_data: bool = True


@dataclass(frozen=True)
class RefusedFacts:
    """A file of the source that is not in the release at all; ``records`` where they are known."""

    name: str
    code: str
    records: int | None = None


@dataclass(frozen=True)
class ReleaseFacts:
    """Everything that descriptor, checksums, ledger and pages are made from.

    ``others`` are files that are no table's part, no archive and none of ``describe``'s own
    (pages): the checksums cover them too. ``changes`` are since earlier releases. ``accepted`` are
    the data quality gates (table, code) that were not passed and accepted by the release manager.
    ``identifying`` are the register's other policies under which records stay personal data.
    """

    register: Register
    release: str  # the id
    cutoff: datetime  # aware
    policy: PolicyFacts
    tables: tuple[TableFacts, ...]
    archives: tuple[ArchiveFacts, ...]
    screened_upstream: tuple[str, ...]
    version: str  # of epc-release
    partial: bool = False
    synthetic: bool = False
    others: tuple[FileFacts, ...] = ()
    aggregates: tuple[AggregateFacts, ...] = ()
    changes: tuple[ChangeFacts, ...] = ()
    accepted: tuple[tuple[str, str], ...] = ()
    refused: tuple[RefusedFacts, ...] = ()
    identifying: tuple[str, ...] = ()
