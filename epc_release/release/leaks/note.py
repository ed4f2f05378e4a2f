"""What the tasks of a build leave out, put down where it happens, for the leak test.

Grain: one file per task, in the work folder (mode 0600): digests of values in NumPy's format, and
the few values that are searched for as they are. ``gather`` makes the private sets of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from epc_release.anonymise.leaks.digests import Words, is_long, plain_digests
from epc_release.anonymise.rules.base import CellRule
from epc_release.anonymise.rules.plain import Keep
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.told import FieldRule
from epc_release.costs import spent
from epc_release.release.conform.cells import Conformed
from epc_release.release.context import Context, TablePlan
from epc_release.release.disk import private
from epc_release.release.spill import write_ipc
from epc_release.schemas.checks.keys import key_digest
from epc_release.schemas.register import HeaderMatch, TableDialect

FOLDER = "leaks"
# Digests by kind, length (``long``, ``short``) and column: identifiers that are not published;
# values of records that go on, where they are published as they are; those of which a column tells
# the pseudonym; keys of which no record is published.
HIDDEN, TOLD, JOINED, WITHHELD = "hidden", "told", "joined", "withheld"
EXACT = {"table": pl.String, "column": pl.String, "value": pl.String, "key": pl.UInt64}
STARRED = {"table": pl.String, "partition": pl.String, "column": pl.String, "value": pl.String}
COMPOSITE = "*"  # instead of a column, where a key has several
ANYWHERE = "*"  # instead of a partition, of what no partition may have
_LEAST_NUMBER = 10**7  # integers of fewer digits are no long values


def hidden_columns(context: Context, match: HeaderMatch) -> frozenset[str]:
    """Columns of a file that identify and are not published as they are (our names)."""
    rules = context.job.policy.tables[match.dialect.table]
    present = {name for name in match.columns if name is not None}
    return frozenset(name for name in present if _identifies(rules[name]))


def _identifies(rule: FieldRule) -> bool:
    hides = not isinstance(rule.rule, Keep)
    return hides and (rule.column_class == "identifier" or isinstance(rule.rule, Pseudonymise))


@dataclass(frozen=True)
class _Note:
    """What one chunk is looked at for."""

    plan: TablePlan
    dialect: TableDialect
    rules: dict[str, FieldRule]
    raw: pa.Table
    frame: pl.DataFrame
    stays: pl.Series

    def files(self, hidden: Collection[str]) -> Iterator[tuple[str, Words]]:
        for name in sorted(hidden):
            yield from _digests(HIDDEN, name, self._texts(name))
        staying, leaving = self.frame.filter(self.stays), self.frame.filter(~self.stays)
        for name, column in self.rules.items():
            if name not in self.frame.columns:
                continue
            if column.only_if_published:
                yield from self._named(name, column, staying)
            elif isinstance(column.rule, Keep):
                yield from self._kept(name, column, staying, leaving)
            elif isinstance(column.rule, CellRule):
                if name in hidden or staying[name].dtype in (pl.String, pl.Categorical):
                    yield from _digests(TOLD, name, _unchanged(column.rule, staying[name]))
            elif isinstance(column.rule, Pseudonymise) and name not in self.plan.table.key:
                yield f"{JOINED}/long/{name}", plain_digests(_text(staying[name]))

    def _kept(
        self, name: str, column: FieldRule, staying: pl.DataFrame, leaving: pl.DataFrame
    ) -> Iterator[tuple[str, Words]]:
        if column.column_class == "identifier":
            yield from _digests(TOLD, name, _text(staying[name]))
            yield from _digests(HIDDEN, name, _text(leaving[name]))
        elif (long := _could_be_long(staying[name])) is not None:
            yield f"{TOLD}/long/{name}", plain_digests(long)

    def _named(
        self, name: str, column: FieldRule, staying: pl.DataFrame
    ) -> Iterator[tuple[str, Words]]:
        """Keys of other records, which are told where these are; short ones are also told here."""
        if isinstance(column.rule, Keep):
            yield from _digests(HIDDEN, name, _text(self.frame[name]))
            texts = _text(staying[name])
            yield from _digests(TOLD, name, texts.filter(~is_long(texts)))

    def _texts(self, name: str) -> pl.Series:
        """Distinct texts of a column that is not published, as conformed or else as they stand."""
        if name in self.frame.columns:
            return _text(self.frame[name])
        if name not in self.raw.column_names:
            return pl.Series(dtype=pl.String)
        column: Any = self.raw.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary
        tokens = {*self.plan.schema.missing_values(name), *self.dialect.missing.get(name, ())}
        texts = pl.Series(column, dtype=pl.String).str.strip_chars()
        return texts.filter((texts != "") & ~texts.is_in(sorted(tokens)))

    def exact(self) -> pl.DataFrame:
        """Keys and units of records that do not go on, with half a digest of the key."""
        unit, key = self.plan.table.unit, self.plan.table.key
        frame = self.frame
        if unit is not None and unit not in frame.columns and unit in self.raw.column_names:
            frame = frame.with_columns(pl.Series(unit, self.raw.column(unit).cast(pa.string())))
        leaving = frame.filter(~self.stays)
        found = [pl.DataFrame(schema=EXACT)]
        readable = leaving.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in key))
        half = key_digest(readable, key)["h1"].alias("key")
        for name in dict.fromkeys((*key, *([unit] if unit else ()))):
            if name in readable.columns:
                values = pl.DataFrame({"value": readable[name].cast(pl.String), "key": half})
                named = values.select(
                    pl.lit(self.plan.table.name).alias("table"),
                    pl.lit(name).alias("column"),
                    "value",
                    "key",
                )
                found.append(named.drop_nulls("value").filter(pl.col("value") != ""))
        return pl.concat(found)


@spent("leak test notes")
def note_chunk(
    context: Context,
    number: int,
    match: HeaderMatch,
    raw: pa.Table,
    cells: Conformed,
    stays: pl.Series,
) -> None:
    """Put down what one chunk has that is not to be published.

    ``raw`` has the text of ``hidden_columns``, ``cells`` every conformed column that was read,
    ``stays`` (Boolean) tells which records go on.
    """
    plan = context.plan(match.dialect.table)
    rules = dict(context.job.policy.tables[plan.table.name])
    noted = _Note(plan, match.dialect, rules, raw, cells.frame, stays)
    _write(context, f"route-{number}", noted.files(hidden_columns(context, match)))
    exact = noted.exact()
    if len(exact):
        write_ipc(context.folder(FOLDER) / f"route-{number}.exact", exact.to_arrow())


def note_settled(context: Context, name: str, table: str, keys: pl.Series) -> None:
    """Put down keys of ``table`` of which no record is published: halves (``h1``) of their digests.

    ``name`` is the task's own.
    """
    plan = context.plan(table)
    column = plan.table.key[0] if len(plan.table.key) == 1 else COMPOSITE
    _write(context, f"settle-{name}", [(f"{WITHHELD}/long/{column}", keys.to_numpy())])


def note_protected(
    context: Context,
    name: str,
    plan: TablePlan,
    rows: pl.DataFrame,
    left: pl.DataFrame,
    gone: pl.DataFrame,
) -> None:
    """Put down what protection took away of a group: rows as they were, those that are left, and
    those that are gone.

    A cell is a value that no row of its partition has any more in that column; a record that was
    dropped gives its published key, which stands nowhere. ``name`` is the task's own.
    """
    key = list(plan.table.key)
    place = pl.col(plan.partition) if plan.partition else pl.lit(None, pl.String)
    found = [_cells(plan, column, gone[column], ANYWHERE) for column in key]
    for column in dict.fromkeys(name for each in plan.risk for name in each.star):
        held = [
            frame.select(place.cast(pl.String).alias("partition"), pl.col(column).alias("value"))
            for frame in (rows, left)
        ]
        lost = held[0].join(held[1], on=held[0].columns, how="anti", nulls_equal=True)
        lost = lost.drop_nulls("value").unique()
        found.append(_cells(plan, column, lost["value"], lost["partition"].fill_null("")))
    cells = pl.concat(found)
    if len(cells):
        write_ipc(context.folder(FOLDER) / f"{name}.starred", cells.to_arrow())


def _cells(
    plan: TablePlan, column: str, values: pl.Series, partition: pl.Series | str
) -> pl.DataFrame:
    told = {"table": plan.table.name, "partition": partition, "column": column}
    return pl.DataFrame({**told, "value": values.cast(pl.String)}, schema=STARRED)


def _digests(kind: str, name: str, texts: pl.Series) -> Iterator[tuple[str, Words]]:
    if len(texts):
        long = is_long(texts).to_numpy()
        plain = plain_digests(texts)
        yield f"{kind}/long/{name}", plain[long]
        yield f"{kind}/short/{name}", plain[~long]


def _unchanged(rule: CellRule, column: pl.Series) -> pl.Series:
    """The distinct values, as text, that a rule publishes as they are."""
    values = column.drop_nulls().unique()
    texts = values.cast(pl.String)
    return texts.filter(rule.apply(values).cast(pl.String).eq_missing(texts))


def _could_be_long(column: pl.Series) -> pl.Series | None:
    """The distinct values of text, and of whole numbers with as many digits as a long value."""
    if column.dtype.is_integer():
        return _text(column.filter(column.abs() >= _LEAST_NUMBER))
    if column.dtype not in (pl.String, pl.Categorical):
        return None
    texts = _text(column)
    return texts.filter(is_long(texts))


def _text(column: pl.Series) -> pl.Series:
    """The values as text, of Categorical the distinct ones."""
    values = column.drop_nulls()
    return (values.unique() if values.dtype == pl.Categorical else values).cast(pl.String)


def _write(context: Context, name: str, arrays: Iterable[tuple[str, Words]]) -> None:
    found: dict[str, list[Words]] = {}
    for kind, words in arrays:
        if len(words):
            found.setdefault(kind, []).append(words)
    joined = {kind: np.concatenate(parts) for kind, parts in found.items()}
    if joined:
        with open(context.folder(FOLDER) / f"{name}.npz", "wb", opener=private) as sink:
            np.savez(sink, **joined)  # type: ignore[arg-type]
