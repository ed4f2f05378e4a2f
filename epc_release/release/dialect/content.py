"""Do the values of a column look like those of a field? Shares only; the values stay here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, TypeAlias

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.parse import iso_days, parse_values
from epc_release.schemas.register import Table, TableDialect
from epc_release.schemas.table import Field
from epc_release.schemas.types.codes import warning_bit

Values: TypeAlias = pl.Series

ENOUGH: Final = 2  # distinct values below which nothing is said
_DISTINCT_AT_MOST: Final = 300
_UNSUPPORTED: Final = "E13"  # codes of schemas that cannot be checked
_UNKNOWN: Final = warning_bit("unknown-category")
_TEXT: Final = ("string", "any")
_DESCRIBES: Final = ("name", "title", "description", "licence", "unit", "kind", "derive", "warn")


def distinct(values: Sequence[str]) -> Values:
    """Distinct texts of a column's sample (String), at most a few hundred."""
    return pl.Series(list(dict.fromkeys(values))[:_DISTINCT_AT_MOST], dtype=pl.String)


def is_closed(field: Field) -> bool:
    """Whether its values are few or of one form, so that a column that fits is likely this one."""
    listed = any(key in field.descriptor for key in ("categories", "known_values"))
    formed = any(key in field.constraints for key in ("pattern", "enum"))
    return listed or formed or field.type not in (*_TEXT, "integer", "number")


def rule(table: Table, field: Field, dialect: TableDialect) -> str:
    """What ``field`` allows, as text: fields of one rule have the same share of any values."""
    allowed = {key: value for key, value in field.descriptor.items() if key not in _DESCRIBES}
    name = field.name
    forms = (dialect.rewrites.get(name, ()), dialect.dates.get(name, ()), name in dialect.picks)
    return json.dumps((allowed, _tokens(table, field, dialect), forms), sort_keys=True)


def _tokens(table: Table, field: Field, dialect: TableDialect) -> tuple[str, ...]:
    found = {*table.schema.missing_values(field.name), *dialect.missing.get(field.name, ())}
    return ("", *sorted(found - {""}))


def share(table: Table, field: Field, dialect: TableDialect, values: Values) -> float | None:
    """The share (0 to 1) of distinct values that ``field`` allows, missing ones left out.

    None where there are too few of them, the field allows any text, or the dialect picks it from
    several places. A value that is not among the ``known_values`` of an open list does not fit.
    """
    name = field.name
    any_text = field.type in _TEXT and not is_closed(field)
    if values.len() < ENOUGH or any_text or name in dialect.picks:
        return None
    texts = iso_days(values, dialect.dates[name]) if name in dialect.dates else values
    tokens = _tokens(table, field, dialect)
    try:
        parsed = parse_values(field, tokens, texts, dialect.rewrites.get(name, ()))
    except ReleaseError as error:
        if error.problem.code.startswith(_UNSUPPORTED):
            return None
        raise
    present = ~parsed.missing
    count = int(present.sum())
    if count < ENOUGH:
        return None
    good = present & (parsed.problem == 0)
    if "known_values" in field.descriptor:
        good = good & (parsed.warning // _UNKNOWN % 2 == 0)
    return int(good.sum()) / count
