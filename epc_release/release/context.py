"""What every task of a build knows: register, policy and settings, compiled once per process.

The driver saves a ``Job`` in the work folder; tasks carry only its path. It holds no key: a worker
takes that from its own environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from epc_release.anonymise.cellkeys import cell_keyring
from epc_release.anonymise.derive import derive_schema, published_sort
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.screen import Bound, ScreenContext, bind
from epc_release.anonymise.sites import read_sites
from epc_release.anonymise.told import published_partition, published_year, targeting
from epc_release.errors import ReleaseError
from epc_release.release.cells import CellPlan
from epc_release.release.saved import load, save
from epc_release.schemas.register import HeaderMatch, Register, Table, TableDialect
from epc_release.schemas.table import TableSchema

MAX_BUCKETS = 256


@dataclass(frozen=True)
class Job:
    """The fixed part of a build; ``opted_out`` and ``listed`` (all that have an event) are files
    of keys, one row each (``key``)."""

    work: Path
    release: Path  # the folder in which the release is made
    register: Register
    policy: Policy
    cutoff: datetime
    opted_out: Path | None
    sites: Path | None
    buckets: int
    compression_level: int
    partial: bool  # not all records of the parents are read
    key_id: str | None = None  # of the key of the pseudonyms
    listed: Path | None = None

    @property
    def local_cutoff(self) -> datetime:
        """The cut-off as naive time of the register's zone, as times in the data are."""
        return self.cutoff.astimezone(ZoneInfo(self.register.timezone)).replace(tzinfo=None)


class TablePlan:
    """One table under the job's policy: what is read, decided and published of it."""

    def __init__(self, job: Job, table: Table) -> None:
        self.job = job
        self.table = table
        self.schema = table.schema
        self.derived: TableSchema = derive_schema(table, job.policy)
        self.published = self.derived.names
        self.cells = CellPlan(table, self.derived, job.policy.aggregates, job.local_cutoff)
        self.latest = job.policy.latest_of(table.name)
        owner = job.register.table(table.parent) if table.parent else table
        self.partition: str | None = published_partition(owner, job.policy.tables)
        self.year: str | None = published_year(owner, job.policy.tables)
        self.inherited: tuple[str, ...] = (
            (self.partition,)
            if table.parent and self.partition and self.partition not in self.published
            else ()
        )
        self.sort: tuple[str, ...] = _until_unique(
            published_sort(table, job.policy), self.derived.primary_key
        )
        self.children = tuple(t for t in job.register.tables if t.parent == table.name)
        self.risk: tuple[KeySet, ...] = tuple(
            each for each in job.policy.risk if each.table == table.name
        )
        self.stars = tuple(dict.fromkeys(name for each in self.risk for name in each.star))
        self.unit: str | None = next((each.unit for each in self.risk if each.unit), None)
        self.targets = targeting(table, job.policy.tables)
        self.follows = table.parent is not None and any(
            each.table == table.parent for each in job.policy.risk
        )

    @property
    def hidden(self) -> tuple[str, ...]:
        """Columns (UInt64) that records carry until they are written: for each of ``targets`` two
        halves of a digest of the key that it names."""
        return tuple(half for name in self.targets for half in halves(name))

    @cached_property
    def written(self) -> TableSchema:
        """The schema of the Parquet files: the derived one and the inherited columns."""
        if not self.inherited:
            return self.derived
        parent = derive_schema(self.job.register.table(self.table.parent or ""), self.job.policy)
        fields = [*self.derived.descriptor["fields"]]
        fields += [dict(parent.by_name[name].descriptor) for name in self.inherited]
        return TableSchema({**self.derived.descriptor, "fields": fields})


def halves(column: str) -> tuple[str, str]:
    """The hidden columns with the two halves of a digest of what ``column`` names."""
    return f"__{column}1", f"__{column}2"


def _distinct(column: pa.ChunkedArray[Any]) -> int:
    chunks: list[Any] = column.chunks
    return sum(len(chunk.dictionary) for chunk in chunks)


def _until_unique(columns: Sequence[str], key: Sequence[str]) -> tuple[str, ...]:
    """The sort columns that are needed: once the key is among them, no two rows are equal."""
    for count in range(1, len(columns)):
        if key and set(key) <= set(columns[:count]):
            return tuple(columns[:count])
    return tuple(columns)


class Context:
    """A job with what is compiled from it, cached per process."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._plans = {table.name: TablePlan(job, table) for table in job.register.tables}
        self._bound: dict[tuple[str, str, tuple[str | None, ...]], Bound] = {}
        self._texts: dict[tuple[str, str], frozenset[str]] = {}

    def plan(self, table: str) -> TablePlan:
        return self._plans[table]

    def bound(self, match: HeaderMatch) -> Bound:
        """The policy bound to the columns that a file has."""
        key = (match.dialect.dialect, match.dialect.table, match.columns)
        if key not in self._bound:
            self._bound[key] = bind_header(
                self.job.policy, self.job.register, match, sites=self.job.sites is not None
            )
        return self._bound[key]

    def texts(self, dialect: TableDialect) -> frozenset[str]:
        """Columns of mostly distinct values, which are read as text: only speed depends on it."""
        return self._texts.get((dialect.dialect, dialect.table), frozenset())

    def learn_texts(self, dialect: TableDialect, table: pa.Table) -> None:
        """Remember which columns of a chunk had so many values that a dictionary is no gain."""
        many = {
            name
            for name, column in zip(table.column_names, table.columns, strict=True)
            if pa.types.is_dictionary(column.type) and _distinct(column) > table.num_rows // 3
        }
        self._texts[(dialect.dialect, dialect.table)] = self.texts(dialect) | many

    def folder(self, name: str) -> Path:
        """A folder of the work folder, made when it is first asked for."""
        path = self.job.work / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @cached_property
    def keyring(self) -> Keyring | None:
        """The key, from this process's own environment. Raises E167 where it is not the build's."""
        if not self.job.policy.needs_key:
            return None
        keyring = Keyring.from_environment()
        if self.job.key_id not in (None, keyring.key_id):
            raise ReleaseError("E167", found=keyring.key_id, begun=self.job.key_id)
        return keyring

    @cached_property
    def cell_keyring(self) -> Keyring | None:
        return cell_keyring() if self.job.policy.needs_cell_key else None

    @cached_property
    def screening(self) -> ScreenContext:
        return ScreenContext(
            cutoff=self.job.cutoff,
            timezone=self.job.register.timezone,
            opted_out=_keys(self.job.opted_out),
            listed=_keys(self.job.listed),
            sites=read_sites(self.job.sites) if self.job.sites else None,
        )


def _keys(path: Path | None) -> pl.Series:
    none = pl.Series("key", [], dtype=pl.String)
    return none if path is None else pl.read_parquet(path)["key"]


def bind_header(
    policy: Policy, register: Register, match: HeaderMatch, *, sites: bool = True
) -> Bound:
    """Bind the policy to the columns of a file; a rule without its input stops here (E148)."""
    dialect = match.dialect
    present = frozenset(name for name in match.columns if name is not None) | {*dialect.picks}
    table = register.table(dialect.table)
    return bind(policy, table, present, dialect.screened_upstream, sites=sites)


def save_job(job: Job) -> Path:
    """Write the job where tasks find it."""
    return save(job, job.work)


@lru_cache(maxsize=2)
def load_context(path: Path) -> Context:
    """The context of a job, loaded once in each process."""
    return Context(load(path, Job))


def columns_to_read(context: Context, match: HeaderMatch) -> tuple[str, ...]:
    """Our names of the columns that a table's records need, in schema order.

    Those that the policy publishes, counts or screens by, the key, what tells the newest of several
    records, the unit that key sets count and what a derived band comes from.
    Dropped columns are not among them: they are never parsed.
    """
    plan = context.plan(match.dialect.table)
    bound = context.bound(match)
    needed = set(bound.inputs) | set(plan.table.key) | set(plan.schema.primary_key)
    needed |= plan.cells.inputs & bound.present
    if plan.table.latest:
        needed |= set(plan.table.latest.columns)
    if plan.unit is not None:
        needed |= {plan.unit} & {name for name in match.columns if name is not None}
    for name in tuple(needed):
        derive = plan.schema.by_name[name].descriptor.get("derive")
        if derive:
            needed.add(derive["from"])
    return tuple(name for name in plan.schema.names if name in needed)


def required_columns(plan: TablePlan, columns: Sequence[str]) -> tuple[str, ...]:
    """Columns without a value of which a record cannot be published."""
    keys = {*plan.table.key, *plan.schema.primary_key}
    return tuple(c for c in columns if c in keys or plan.schema.by_name[c].required)
