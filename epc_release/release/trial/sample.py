"""A policy on the first records of an extract: what it leaves of each column, as counts only.

No value is ever shown. Records are looked at one by one (:mod:`records`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from epc_release.anonymise.policy import Policy
from epc_release.anonymise.screen import ScreenContext
from epc_release.release.report import table as in_columns
from epc_release.release.source import Part, discover
from epc_release.release.trial.cases import throwaway_key
from epc_release.release.trial.records import screened
from epc_release.schemas.register import Register


@dataclass(frozen=True)
class ColumnCounts:
    """Of one column, over the records that stay: cells that hold something and distinct values,
    before and after the rule; cells whose text the rule changed. ``rule`` is its name."""

    column: str
    rule: str
    filled_before: int
    filled_after: int
    distinct_before: int
    distinct_after: int
    changed: int


@dataclass(frozen=True)
class TableCounts:
    """Of one table: records read, those that stay, those that each rule excludes."""

    table: str
    read: int
    stay: int
    excluded: dict[str, int]
    columns: tuple[ColumnCounts, ...]

    def __str__(self) -> str:
        rows: list[tuple[object, ...]] = [
            (
                *(each.column, each.rule, each.filled_before, each.filled_after),
                *(each.distinct_before, each.distinct_after, each.changed),
            )
            for each in self.columns
        ]
        left = ", ".join(f"{name} {count:,}" for name, count in self.excluded.items()) or "none"
        head = ("column", "rule", "filled", "after", "distinct", "after", "changed")
        about = f"{self.table}: {self.read:,} records read, {self.stay:,} stay; excluded: {left}"
        return f"{about}\n\n{in_columns(head, rows)}"


def sample(
    policy: Policy, register: Register, sources: Sequence[str], rows: int
) -> tuple[TableCounts, ...]:
    """The first ``rows`` records of each table of the sources under the policy.

    Raises what reading a source raises (E2xx), and E149 for a value outside its hierarchy.
    """
    inventory = discover(sources, register)
    cutoff = inventory.control.snapshot_time if inventory.control else datetime.now(UTC)
    context = ScreenContext(cutoff, register.timezone)
    found = []
    for table in register.tables:
        parts = inventory.of(table.name)
        if parts:
            found.append(_table(policy, register, parts, context, rows))
    return tuple(found)


def _table(
    policy: Policy,
    register: Register,
    parts: Sequence[Part],
    context: ScreenContext,
    rows: int,
) -> TableCounts:
    table = register.table(parts[0].table)
    befores, afters, excluded, read = [], [], pl.Series(dtype=pl.String), 0
    keyring = throwaway_key()
    for bound, cells, decisions in screened(policy, register, parts, context, rows=rows):
        reasons = pl.Series([None, *bound.reasons], dtype=pl.String)
        excluded.append(reasons.gather(decisions.filter(decisions > 0)))
        staying = cells.filter(decisions == 0)
        befores.append(staying.select(pl.all().cast(pl.String)))
        afters.append(bound.publish(staying, keyring).select(pl.all().cast(pl.String)))
        read += len(cells)
    before, after = pl.concat(befores), pl.concat(afters)
    counts = excluded.value_counts(sort=True, name="records")
    return TableCounts(
        table=table.name,
        read=read,
        stay=len(before),
        excluded={str(name): int(records) for name, records in counts.iter_rows()},
        columns=tuple(_counts(policy, table.name, n, before, after) for n in table.schema.names),
    )


def _counts(
    policy: Policy, table: str, name: str, before: pl.DataFrame, after: pl.DataFrame
) -> ColumnCounts:
    old = before[name]
    new = after[name] if name in after.columns else old.clear(len(old))
    return ColumnCounts(
        column=name,
        rule=policy.tables[table][name].rule.name,
        filled_before=len(old) - old.null_count(),
        filled_after=len(new) - new.null_count(),
        distinct_before=old.drop_nulls().n_unique(),
        distinct_after=new.drop_nulls().n_unique(),
        changed=int(old.ne_missing(new).sum()),
    )
