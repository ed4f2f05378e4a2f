"""From a Table Schema to checks. Constraints: Table Schema v2, Field Constraints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.checks.check import Check, Severity
from epc_release.schemas.checks.fallbacks import fallbacks
from epc_release.schemas.checks.json_schema import check_json_schema
from epc_release.schemas.checks.plan import Plan
from epc_release.schemas.checks.severity import severity_of
from epc_release.schemas.table import Field, TableSchema
from epc_release.schemas.types.logical import Logical
from epc_release.schemas.types.patterns import check_pattern
from epc_release.schemas.types.read import DTYPES, check_supported, read_text

_BOUNDS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive-minimum",
    "exclusiveMaximum": "exclusive-maximum",
}
_LENGTHS: Final = {"minLength": "min-length", "maxLength": "max-length"}
_TEXT: Final = frozenset({"string", "any"})
_PLAIN: Final = frozenset({("string", "default"), ("any", "default")})
_DOCUMENTS: Final = frozenset({"object", "array"})
_COUNTED: Final = frozenset({"string", "any", "list", "geojson", *_DOCUMENTS})
_ORDERED: Final = frozenset(
    {"integer", "number", "date", "time", "datetime", "year", "yearmonth", "duration"}
)
_TYPES_OF: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_BOUNDS, _ORDERED),
    **dict.fromkeys(_LENGTHS, _COUNTED),
    "pattern": _TEXT,
    "jsonSchema": _DOCUMENTS,
}
"""Constraints that not every type has (v2, Field Constraints); ``any`` counts as text."""


def compile_checks(schema: TableSchema, *, exact: bool = False) -> Plan:
    """The plan for frames of ``schema``; the same object for the same schema in one process.

    If ``exact``, values are judged by the standard alone: text may have line breaks.
    Raises E130 to E137 where the schema asks for what cannot be checked, or contradicts itself.
    """
    return _compile(schema.json(), exact)


@lru_cache(maxsize=64)
def _compile(descriptor: str, exact: bool) -> Plan:
    schema = TableSchema(json.loads(descriptor))
    required = set(schema.primary_key)
    checks: list[Check] = []
    for field in schema.fields:
        if field.required or field.name in required:  # a key is never missing (v2, primaryKey)
            checks.append(_check(field, "required", "error"))
        if field.constraints.get("unique"):
            checks.append(_check(field, "unique", "error"))
        if field.type in _TEXT and not exact:
            checks.append(_check(field, "line-break", "error"))
        if DTYPES.get(field.type) == pl.String and (field.type, field.format) not in _PLAIN:
            limit = json.dumps(field.descriptor, sort_keys=True)
            checks.append(_check(field, f"type-{field.type}", "error", limit))
        if field.type == "number":
            checks.append(_check(field, "not-finite", "error"))
        checks.extend(value_checks(field))
    return Plan(
        dtypes={field.name: DTYPES[field.type] for field in schema.fields},
        checks=tuple(checks),
        fallbacks=tuple(found for field in schema.fields for found in fallbacks(field)),
        fields_match=schema.fields_match,
    )


def value_checks(field: Field) -> tuple[Check, ...]:
    """The checks of ``field`` that look at one value at a time, errors before warnings."""
    return _value_checks(field.json)


@lru_cache(maxsize=4096)
def _value_checks(descriptor: str) -> tuple[Check, ...]:
    field = Field(json.loads(descriptor))
    check_supported(field)
    return (*_errors(field), *_warnings(field))


def _errors(field: Field) -> Iterator[Check]:
    constraints = field.constraints
    for name in constraints:
        if field.type not in _TYPES_OF.get(name, DTYPES):
            raise ReleaseError("E136", field=field.name, type=field.type, constraint=name)
    allowed = constraints.get("enum", _category_values(field))
    if allowed is not None:
        yield _check(field, "enum", "error", _limits(field, "enum", allowed))
    if "pattern" in constraints:
        check_pattern(field.name, constraints["pattern"])
        yield _check(field, "pattern", "error", constraints["pattern"])
    for name, code in _BOUNDS.items():
        if name in constraints:
            yield _check(field, code, "error", _bound(field, name, constraints[name]))
    for name, code in _LENGTHS.items():
        if name in constraints:
            yield _check(field, code, "error", _length(field, name, constraints[name]))
    if "jsonSchema" in constraints:
        schema = check_json_schema(field, constraints["jsonSchema"])
        yield _check(field, "json-schema", "error", schema)


def _warnings(field: Field) -> Iterator[Check]:
    known = field.descriptor.get("known_values")
    if known is not None:
        limits = _limits(field, "known_values", known)
        yield _check(field, "unknown-category", "warning", limits)
    for name, limit in field.descriptor.get("warn", {}).items():
        yield _check(field, f"warn-{name}", "warning", _bound(field, f"warn.{name}", limit))
    if field.type in _TEXT:
        yield _check(field, "formula-like", "warning")
        if field.required:  # a key that went through a spreadsheet has lost its digits
            yield _check(field, "scientific-notation", "warning")


def _check(field: Field, code: str, severity: Severity, limit: Any = None) -> Check:
    chosen = severity_of(field, code, severity)
    return Check(field.name, code, chosen, (field.name,), limit, Logical.of(field))


def _category_values(field: Field) -> list[Any] | None:
    """v2 ``categories`` close the list of values; each is a value or has one under ``value``."""
    found = field.descriptor.get("categories")
    if found is None:
        return None
    return [one["value"] if isinstance(one, dict) else one for one in found]


def _bound(field: Field, name: str, limit: Any) -> Any:
    if field.type not in _ORDERED or name.removeprefix("warn.") not in _BOUNDS:
        raise _unreadable(field, name, limit)
    return _limits(field, name, [limit])[0]


def _length(field: Field, name: str, limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise _unreadable(field, name, limit)
    return limit


def _limits(field: Field, name: str, limits: Sequence[Any]) -> tuple[Any, ...]:
    """Limits as values of the field: as JSON has them, or written as in the data."""
    logical = Logical.of(field)
    if logical is not None:
        return tuple(_value(field, logical, name, limit) for limit in limits)
    native = [_native(field, limit) for limit in limits]
    texts = [str(limit) for limit, own in zip(limits, native, strict=True) if own is None]
    read = iter(read_text(field, pl.Series(texts, dtype=pl.String)).values.to_list())
    values = tuple(next(read) if own is None else own for own in native)
    for value, limit in zip(values, limits, strict=True):
        if value is None:
            raise _unreadable(field, name, limit)
    return values


def _value(field: Field, logical: Logical, name: str, limit: Any) -> Any:
    """A limit of a type that is kept as its text: what values are compared with."""
    if logical.type == "list" and isinstance(limit, list):
        text = logical.delimiter.join(map(str, limit))
    else:
        text = limit if isinstance(limit, str) else json.dumps(limit)
    value = logical.value(text)
    if value is None:
        raise _unreadable(field, name, limit)
    return logical.same(value) if name == "enum" else value


def _native(field: Field, limit: Any) -> Any:
    if field.type == "boolean":
        return limit if isinstance(limit, bool) else None
    if isinstance(limit, bool):
        return None
    if field.type == "number" and isinstance(limit, int | float):
        return float(limit) if math.isfinite(limit) else None
    return limit if field.type in ("integer", "year") and isinstance(limit, int) else None


def _unreadable(field: Field, name: str, limit: object) -> ReleaseError:
    return ReleaseError("E132", field=field.name, constraint=name, type=field.type, limit=limit)
