"""``dictionary.csv``: every published column, from the derived schemas and the published rows.

RFC 4180 in UTF-8, one row per column of a table, in the order of the tables' files. Missing tokens
are those of the register's schema: what stood in the extract where the release has no value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from epc_release.manifests.facts import AggregateFacts, ReleaseFacts, TableFacts
from epc_release.schemas.register import Register
from epc_release.schemas.table import Field, TableSchema

COLUMNS = (
    "table",
    "name",
    "type",
    "unit",
    "allowed_values",
    "known_values",
    "missing_tokens",
    "licence",
    "description",
    "first_year",
    "share_missing",
)
SEPARATOR = " | "
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matching {}",
}


def dictionary(facts: ReleaseFacts) -> str:
    """The text of ``dictionary.csv``; tables that are published empty are left out."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for table in facts.tables:
        if table.parts:
            writer.writerows(_rows(facts, table))
    for aggregate in facts.aggregates:
        writer.writerows(_counted(aggregate))
    return sink.getvalue()


def _rows(facts: ReleaseFacts, table: TableFacts) -> Iterator[tuple[str, ...]]:
    for field in table.schema.fields:
        yield (
            table.name,
            *described(field),
            missing_tokens(_source(facts.register, table, field.name), field.name),
            field.licence,
            str(field.descriptor.get("description", field.descriptor.get("title", ""))),
            table.first_years.get(field.name, ""),
            share_missing(facts, table, field.name),
        )


def _counted(aggregate: AggregateFacts) -> Iterator[tuple[str, ...]]:
    """The columns of a table of counts; neither years nor shares are told of it."""
    for field in aggregate.schema.fields:
        description = str(field.descriptor.get("description", ""))
        missing = missing_tokens(aggregate.schema, field.name)
        yield aggregate.name, *described(field), missing, field.licence, description, "", ""


def described(field: Field) -> tuple[str, str, str, str, str]:
    """Name, type, unit, allowed and known values: what a published schema alone tells."""
    return (
        field.name,
        field.type,
        str(field.descriptor.get("unit", "")),
        allowed_values(field),
        SEPARATOR.join(str(value) for value in field.descriptor.get("known_values", ())),
    )


def share_missing(facts: ReleaseFacts, table: TableFacts, name: str) -> str:
    """The share of missing cells of a column; empty where nobody counted or nothing is published.

    Fewer digits where records are no personal data, so that no single one can be told from it.
    """
    if name not in table.missing or not table.ledger.published:
        return ""
    digits = 4 if facts.policy.personal_data else 2
    return share_text(table.missing[name], table.ledger.published, digits)


def share_text(missing: int, rows: int, digits: int) -> str:
    """A share of rows with this many decimal places."""
    return f"{missing / rows:.{digits}f}"


def allowed_values(field: Field) -> str:
    """The closed list of values, or what else the schema asks of them."""
    categories = field.descriptor.get("categories", ())
    listed = field.constraints.get("enum") or [_token(one)[0] for one in categories]
    if listed:
        return SEPARATOR.join(_text(value) for value in listed)
    bounds = [
        told.format(field.constraints[name])
        for name, told in _BOUNDS.items()
        if name in field.constraints
    ]
    return "; ".join(bounds)


def missing_tokens(schema: TableSchema, name: str) -> str:
    """Missing tokens of a column and what they mean, as ``token (meaning)``; the empty text too."""
    if name not in schema.by_name:
        return "(empty)"  # a column that the policy makes
    own = schema.by_name[name].descriptor.get("missingValues")
    given = schema.descriptor.get("missingValues", ("",)) if own is None else own
    told = [_token(one) for one in given]
    return SEPARATOR.join(
        f"{token or '(empty)'} ({meaning})" if meaning else token or "(empty)"
        for token, meaning in told
    )


def _source(register: Register, table: TableFacts, name: str) -> TableSchema:
    """The register's schema that a column is from: its table's, or the parent's it inherits."""
    own = register.table(table.name)
    if name in table.inherited and own.parent is not None:
        return register.table(own.parent).schema
    return own.schema


def _token(one: Any) -> tuple[str, str]:
    """Value and label of a missing token or category."""
    if isinstance(one, Mapping):
        return _text(one["value"]), str(one.get("label", ""))
    return _text(one), ""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
