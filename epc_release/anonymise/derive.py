"""The published Table Schema: what the policy makes of a register's schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from epc_release.anonymise.policy import FieldRule, Policy
from epc_release.anonymise.rules.base import Published
from epc_release.anonymise.rules.generalise import DATE_LEVELS, Generalise
from epc_release.anonymise.rules.plain import Keep, KeepKnown
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.schemas.checks.severity import without_warnings
from epc_release.schemas.register import Table
from epc_release.schemas.table import TableSchema


def derive_schema(table: Table, policy: Policy) -> TableSchema:
    """The schema of a table's published records: a valid Table Schema v2.

    Columns in the register's order without the dropped ones, each as its rule declares it. Missing
    is the empty text. Keys stay where all their columns are published as they are or pseudonymised.
    """
    rules = policy.tables[table.name]
    descriptor: dict[str, Any] = {
        key: value
        for key, value in table.schema.descriptor.items()
        if key
        not in ("fields", "primaryKey", "foreignKeys", "uniqueKeys", "missingValues", "order")
    }
    descriptor["fields"] = [_field(table, rules, name) for name in published_names(table, policy)]
    descriptor["missingValues"] = [""]
    if table.schema.primary_key and _identify(rules, table.schema.primary_key):
        descriptor["primaryKey"] = list(table.schema.primary_key)
    foreign = [
        key
        for key in table.schema.descriptor.get("foreignKeys", ())
        if _still_joins(table, key, policy)
    ]
    if foreign:
        descriptor["foreignKeys"] = foreign
    ordered = [list(pair) for pair in table.schema.order if _kept(rules, pair)]
    if ordered:
        descriptor["order"] = ordered
    return TableSchema(descriptor)


def published_names(table: Table, policy: Policy) -> tuple[str, ...]:
    """The published columns in the register's order."""
    rules = policy.tables[table.name]
    return tuple(name for name in table.schema.names if isinstance(rules[name].rule, Published))


def published_partition(table: Table, policy: Policy) -> str | None:
    """The column that partitions the published files, or None.

    A child has its parent's. Only a column whose published text is bounded makes paths: one that is
    kept, kept where known, or generalised.
    """
    rule = policy.tables[table.parent or table.name][table.partition].rule
    return table.partition if isinstance(rule, Keep | KeepKnown | Generalise) else None


def published_year(table: Table, policy: Policy) -> str | None:
    """The column whose first four digits name the yearly archive, or None. A child has its
    parent's."""
    if table.year is None:
        return None
    rule = policy.tables[table.parent or table.name][table.year].rule
    dated = isinstance(rule, Keep) or (isinstance(rule, Generalise) and rule.to in DATE_LEVELS)
    return table.year if dated else None


def published_sort(table: Table, policy: Policy) -> tuple[str, ...]:
    """A total order of published records: the register's sort columns that are published, then all
    others in published order."""
    names = published_names(table, policy)
    first = tuple(name for name in table.sort if name in names)
    return (*first, *(name for name in names if name not in first))


def _field(table: Table, rules: Mapping[str, FieldRule], name: str) -> dict[str, Any]:
    field = table.schema.by_name[name]
    rule = rules[name].rule
    found = rule.field(field) if isinstance(rule, Published) else {}
    source = found.get("derive", {}).get("from")
    if source is not None and not isinstance(rules[source].rule, Keep):
        # The published score is no longer the one that the band was made from.
        del found["derive"]
    return without_warnings(found)


def _identify(rules: Mapping[str, FieldRule], names: Iterable[str]) -> bool:
    return all(isinstance(rules[name].rule, Keep | Pseudonymise) for name in names)


def _kept(rules: Mapping[str, FieldRule], names: Iterable[str]) -> bool:
    return all(isinstance(rules[name].rule, Keep) for name in names)


def _still_joins(table: Table, key: Mapping[str, Any], policy: Policy) -> bool:
    """Whether both sides of a foreign key are published under equal rules."""
    reference = key["reference"]
    ours = policy.tables[table.name]
    theirs = policy.tables.get(reference.get("resource") or table.name)
    if theirs is None:
        return False
    names, others = _names(key["fields"]), _names(reference["fields"])
    return _identify(ours, names) and all(
        ours[name].rule == theirs[other].rule for name, other in zip(names, others, strict=True)
    )


def _names(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
