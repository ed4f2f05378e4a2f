"""Cells of the tables beside the records: counted where records are finished, added up afterwards.

Grain of what ``count`` gives: one row per cell with its dimensions, ``records`` and ``keys`` (the
sum of the records' keys). Both add up over disjoint rows, so neither chunks nor groups show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import polars_hash as plh

from epc_release.anonymise.aggregates import Aggregate
from epc_release.anonymise.compile import Compiler
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.rules.base import CellRule
from epc_release.anonymise.rules.generalise import UnknownValuesError
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Table
from epc_release.schemas.table import TableSchema

RECORD_KEY = "__record_key"
RECORDS, KEYS = "records", "keys"
_BETWEEN = "\x1f"


@dataclass(frozen=True)
class _Made:
    """A column made of a source column for one dimension or several."""

    name: str
    column: str
    rule: CellRule


class CellPlan:
    """The tables of counts of one table: what its records carry for them, and how to count."""

    def __init__(
        self,
        table: Table,
        derived: TableSchema,
        aggregates: Iterable[Aggregate],
        cutoff: datetime,
    ) -> None:
        self._table, self._compile = table, Compiler(derived, cutoff)
        self.aggregates = tuple(each for each in aggregates if each.table == table.name)
        self._made: list[_Made] = []
        self._columns = {each.id: tuple(self._sources(each)) for each in self.aggregates}
        self.needs_key = any(each.needs_key for each in self.aggregates)

    @property
    def inputs(self) -> frozenset[str]:
        """Columns of the register that must be read."""
        return frozenset(made.column for made in self._made)

    def _sources(self, aggregate: Aggregate) -> Iterable[str]:
        """For each dimension the column that holds it in the rows that are finished."""
        for dimension in aggregate.dimensions:
            if dimension.rule is None:
                yield dimension.column
                continue
            same = (
                made.name
                for made in self._made
                if (made.column, made.rule) == (dimension.column, dimension.rule)
            )
            name = next(same, None)
            if name is None:
                name = f"__dimension{len(self._made)}"
                self._made.append(_Made(name, dimension.column, dimension.rule))
            yield name

    def beside(self, records: pl.DataFrame, keyring: Keyring | None) -> list[pl.Series]:
        """What conformed ``records`` carry to ``finish``: dimensions of their source columns, and
        their record keys (UInt8). Raises E149."""
        found = [self._dimension(records, made) for made in self._made]
        if self.needs_key and keyring is not None:
            found.append(record_keys(records, self._table, keyring))
        return found

    def _dimension(self, records: pl.DataFrame, made: _Made) -> pl.Series:
        if made.column not in records.columns:
            return pl.Series(made.name, [None], dtype=pl.String).new_from_index(0, len(records))
        try:
            return made.rule.apply(records[made.column]).alias(made.name)
        except UnknownValuesError as unknown:
            raise ReleaseError(
                "E149",
                table=self._table.name,
                column=made.column,
                count=unknown.count,
                hierarchy=unknown.hierarchy,
            ) from None

    def count(self, rows: pl.DataFrame, aggregates: Iterable[Aggregate]) -> dict[str, pl.DataFrame]:
        """The cells of these tables in the rows, by id."""
        return {each.id: self._count(rows, each) for each in aggregates}

    def _count(self, rows: pl.DataFrame, aggregate: Aggregate) -> pl.DataFrame:
        where = self._compile(aggregate.where) if aggregate.where else pl.lit(value=True)
        keys = pl.col(RECORD_KEY).sum() if aggregate.needs_key else pl.lit(0)
        pairs = zip(aggregate.names, self._columns[aggregate.id], strict=True)
        return (
            rows.lazy()
            .filter(where)
            .group_by(pl.col(column).alias(name) for name, column in pairs)
            .agg(pl.len().cast(pl.Int64).alias(RECORDS), keys.cast(pl.Int64).alias(KEYS))
            .with_columns(pl.col(name).cast(pl.String) for name in aggregate.names)
            .collect(engine="in-memory")
        )


def record_keys(records: pl.DataFrame, table: Table, keyring: Keyring) -> pl.Series:
    """The record keys (UInt8): HMAC-SHA-256 of a record's key, modulo 256 (its last octet)."""
    secret = keyring.record_key(table.name)
    text = pl.concat_str([pl.col(n).cast(pl.String) for n in table.key], separator=_BETWEEN)
    octet = plh.col("text").chash.hmac_sha256(key=secret).str.slice(-2)
    return (
        records.select(text.alias("text"))
        .select(octet.str.to_integer(base=16).cast(pl.UInt8).alias(RECORD_KEY))
        .to_series()
    )


def add_up(parts: Iterable[Mapping[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """Cells of disjoint rows as cells of all of them, by id of their table."""
    found: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        for name, cells in part.items():
            found.setdefault(name, []).append(cells)
    return {name: _sum(frames) for name, frames in found.items()}


def _sum(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if len(frames) == 1:
        return frames[0]
    names = [name for name in frames[0].columns if name not in (RECORDS, KEYS)]
    every = pl.concat(frames)
    sums = (pl.col(RECORDS).sum(), pl.col(KEYS).sum())
    return every.group_by(names).agg(*sums) if names else every.select(*sums)
