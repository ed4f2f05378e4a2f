"""The published Table Schema: what the policy makes of a register's schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from epc_release.anonymise.keysets import starred
from epc_release.anonymise.rules.base import Published
from epc_release.anonymise.rules.plain import Keep
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.told import FieldRule, published_names, targeting
from epc_release.schemas.checks.severity import without_warnings
from epc_release.schemas.register import Table
from epc_release.schemas.table import TableSchema

if TYPE_CHECKING:  # a policy reads its tables of counts against what it publishes
    from epc_release.anonymise.policy import Policy

ALIKE = "Missing also where too few records are alike."
UNPUBLISHED = "Missing also where the record that it names is not published."


def derive_schema(table: Table, policy: Policy) -> TableSchema:
    """The schema of a table's published records: a valid Table Schema v2.

    Columns in the register's order without the dropped ones, each as its rule declares it, and
    the flag of ``[[latest]]``. Missing is the empty text. Keys stay where all their columns are
    published as they are or pseudonymised.
    """
    rules = policy.tables[table.name]
    descriptor: dict[str, Any] = {
        key: value
        for key, value in table.schema.descriptor.items()
        if key
        not in ("fields", "primaryKey", "foreignKeys", "uniqueKeys", "missingValues", "order")
    }
    lacking = dict.fromkeys(starred(policy.risk, table.name), ALIKE)
    lacking |= dict.fromkeys(targeting(table, policy.tables), UNPUBLISHED)
    descriptor["fields"] = [
        _lacking(field, lacking[field["name"]]) if field["name"] in lacking else field
        for field in (_field(table, rules, n) for n in published_names(table, policy.tables))
    ]
    flag = policy.latest_of(table.name)
    descriptor["fields"] += [dict(flag.field.descriptor)] if flag else []
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


def published_sort(table: Table, policy: Policy) -> tuple[str, ...]:
    """A total order of published records: the register's sort columns that are published, then all
    others in published order."""
    flag = policy.latest_of(table.name)
    names = (*published_names(table, policy.tables), *((flag.column,) if flag else ()))
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


def _lacking(field: dict[str, Any], says: str) -> dict[str, Any]:
    """A column that may be made missing, once rules are applied."""
    constraints = {k: v for k, v in field.get("constraints", {}).items() if k != "required"}
    rest = {key: value for key, value in field.items() if key != "constraints"}
    rest["description"] = f"{rest.get('description', '')} {says}".strip()
    return {**rest, "constraints": constraints} if constraints else rest


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
