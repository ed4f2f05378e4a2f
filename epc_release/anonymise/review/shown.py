"""The policy as a statistician reads it: facts from which text, Markdown and JSON are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from epc_release.anonymise.aggregates import Aggregate
from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.latest import LatestFlag
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.releaserules import ReleaseRules
from epc_release.anonymise.review.example import example
from epc_release.anonymise.rules.base import Published
from epc_release.anonymise.told import paths
from epc_release.anonymise.used import Used
from epc_release.schemas.register import Register, Table


@dataclass(frozen=True)
class ShownColumn:
    """One column: ``happens`` in words, and an example (made up; both None where there is none)."""

    column: str
    column_class: str
    rule: str
    published: bool
    happens: str
    given: str | None
    told: str | None
    why: str


@dataclass(frozen=True)
class ShownRule:
    """One record rule, in the order in which they are tried."""

    id: str
    tables: tuple[str, ...]
    kind: str
    says: str
    missing: str  # what a missing cell of the test makes of a record
    reason: str
    legal: str


@dataclass(frozen=True)
class ShownTable:
    """One table: its columns in the register's order, and those that paths and archives tell."""

    table: str
    title: str
    follows: str | None
    paths: tuple[str, ...]
    columns: tuple[ShownColumn, ...]


@dataclass(frozen=True)
class ShownFlag:
    """A flag for the latest record of each unit."""

    table: str
    column: str
    says: str
    why: str


@dataclass(frozen=True)
class ShownCounts:
    """A table of counts beside the records: of which columns, how it is protected."""

    id: str
    table: str
    title: str
    says: str
    protection: str
    why: str


@dataclass(frozen=True)
class Shown:
    """A whole policy. ``releases``: what holds between releases, in sentences."""

    name: str
    register: str
    title: str
    description: str
    access: str
    contains_personal_data: bool
    approval: str
    releases: tuple[str, ...]
    sha256: str
    used: tuple[Used, ...]
    records: tuple[ShownRule, ...]
    tables: tuple[ShownTable, ...]
    risk: tuple[KeySet, ...]
    flags: tuple[ShownFlag, ...]
    counts: tuple[ShownCounts, ...]


def show(policy: Policy, register: Register) -> Shown:
    """The facts of a policy."""
    return Shown(
        name=policy.name,
        register=policy.register,
        title=policy.title,
        description=policy.description,
        access=policy.access,
        contains_personal_data=policy.contains_personal_data,
        approval=policy.release.approval,
        releases=tuple(_releases(policy.release)),
        sha256=policy.sha256,
        used=policy.used,
        records=tuple(
            ShownRule(
                id=rule.id,
                tables=rule.tables,
                kind=rule.kind,
                says=rule.says,
                missing="counts as false" if rule.missing_is_false else "excludes",
                reason=rule.reason,
                legal=rule.legal,
            )
            for rule in policy.records
        ),
        tables=tuple(_table(policy, table) for table in register.tables),
        risk=policy.risk,
        flags=tuple(map(_flag, policy.latest)),
        counts=tuple(map(_counts, policy.aggregates)),
    )


def _releases(rules: ReleaseRules) -> Iterator[str]:
    if rules.min_interval_days:
        yield (
            f"Cut-offs of two releases lie {rules.min_interval_days} days apart at least; an"
            " earlier one needs a reason (--override-interval)."
        )
    yield (
        f"Where fewer than {rules.min_removed} records leave a table together, the release manager"
        " is told: whoever holds both releases sees what became of them."
    )


def _flag(flag: LatestFlag) -> ShownFlag:
    says = (
        f"true for the latest published record of each {flag.unit} by {', then '.join(flag.by)},"
        f" false for others, missing without {flag.unit}"
    )
    return ShownFlag(flag.table, flag.column, says, flag.why)


def _counts(aggregate: Aggregate) -> ShownCounts:
    names = (
        f"{each.name} ({each.column}: {each.rule.words})" if each.rule else each.name
        for each in aggregate.dimensions
    )
    where = f", of those where {aggregate.where_text}" if aggregate.where else ""
    margins = [" by ".join(each) or "in all" for each in aggregate.margins]
    also = f"; also {', '.join(margins)}" if margins else ""
    return ShownCounts(
        id=aggregate.id,
        table=aggregate.table,
        title=aggregate.title,
        says=f"records by {', '.join(names)}{where}{also}",
        protection=_protection(aggregate),
        why=aggregate.why,
    )


def _protection(aggregate: Aggregate) -> str:
    if aggregate.exact:
        return (
            "made from the published records, exactly, as long as suppression takes none of these"
        )
    match aggregate.protection:
        case "cell-key":
            known = aggregate.ptable.name if aggregate.ptable else ""
            how = f"perturbed by cell keys (table {known})"
        case "round":
            how = "rounded"
        case other:
            return other
    ends = [
        *([f"counts below {aggregate.threshold} not told"] if aggregate.threshold else []),
        *([f"multiples of {aggregate.round_to}"] if aggregate.round_to else []),
    ]
    return "; ".join([how, *ends])


def _table(policy: Policy, table: Table) -> ShownTable:
    return ShownTable(
        table=table.name,
        title=str(table.schema.descriptor.get("title", table.name)),
        follows=table.parent,
        paths=paths(table, policy.tables),
        columns=tuple(_column(policy, table, name) for name in table.schema.names),
    )


def _column(policy: Policy, table: Table, name: str) -> ShownColumn:
    told = policy.tables[table.name][name]
    given, made = example(table.schema.by_name[name], told.rule) or (None, None)
    return ShownColumn(
        column=name,
        column_class=told.column_class,
        rule=told.rule.name,
        published=isinstance(told.rule, Published),
        happens=told.rule.words,
        given=given,
        told=made,
        why=told.why,
    )
