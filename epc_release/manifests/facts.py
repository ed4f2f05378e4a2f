"""What a finished build knows: frozen facts, from which every description of a release is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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
class Issue:
    """One row of the quality report: cells of published rows with this code."""

    table: str
    column: str
    code: str
    severity: str  # "error" (published missing) or "warning" (published as it is)
    count: int


@dataclass(frozen=True)
class TableLedger:
    """Row accounting of one table; read = published + excluded + rejected + suppressed."""

    read: int
    published: int
    excluded: dict[str, int] = field(default_factory=dict)  # by id of the first rule that matched
    rejected: dict[str, int] = field(default_factory=dict)  # by code
    suppressed: int = 0


@dataclass(frozen=True)
class TableFacts:
    """One published table: its derived schema (of Parquet), ledger, issues and Parquet parts.

    ``inherited`` names the columns that a child takes from its parent: they stand in the Parquet
    files and not in the CSV.
    """

    name: str
    schema: TableSchema
    ledger: TableLedger
    parts: tuple[FileFacts, ...]
    issues: tuple[Issue, ...] = ()
    inherited: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyFacts:
    """The policy as the release tells it; reasons map a rule's id to its public reason."""

    name: str
    title: str
    description: str
    sha256: str
    access: str  # "registered" or "open"
    reasons: dict[str, str]  # rule id -> "out-of-scope" | "withheld" | "invalid"


@dataclass(frozen=True)
class ReleaseFacts:
    """Everything that descriptor, checksums, ledger and pages are made from."""

    register: Register
    release: str  # the id
    cutoff: datetime  # aware
    policy: PolicyFacts
    tables: tuple[TableFacts, ...]
    archives: tuple[FileFacts, ...]
    screened_upstream: tuple[str, ...]
    version: str  # of epc-release
    partial: bool = False
    synthetic: bool = False
