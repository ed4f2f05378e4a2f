"""The policy as a statistician reads it: facts from which text, Markdown and JSON are made."""

from __future__ import annotations

from dataclasses import dataclass

from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.policy import Policy
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
class Shown:
    """A whole policy."""

    name: str
    register: str
    title: str
    description: str
    access: str
    contains_personal_data: bool
    approval: str
    sha256: str
    used: tuple[Used, ...]
    records: tuple[ShownRule, ...]
    tables: tuple[ShownTable, ...]
    risk: tuple[KeySet, ...]


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
    )


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
