"""From a Table Schema to checks. Constraints: Table Schema v2, Field Constraints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.checks.check import Check, Severity
from epc_release.schemas.checks.plan import Plan
from epc_release.schemas.table import Field, TableSchema
from epc_release.schemas.types.patterns import check_pattern
from epc_release.schemas.types.read import DTYPES, check_supported, read_text

_BOUNDS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive-minimum",
    "exclusiveMaximum": "exclusive-maximum",
}
_LENGTHS: Final = {"minLength": "min-length", "maxLength": "max-length"}
_ORDERED: Final = frozenset(DTYPES) - {"string", "any", "boolean"}
_TEXT: Final = frozenset({"string", "any"})


def compile_checks(schema: TableSchema) -> Plan:
    """The plan for frames of ``schema``; the same object for the same schema in one process.

    Raises E130 to E133 where the schema asks for what cannot be checked, or contradicts itself.
    """
    return _compile(schema.json())


@lru_cache(maxsize=64)
def _compile(descriptor: str) -> Plan:
    schema = TableSchema(json.loads(descriptor))
    required = set(schema.primary_key)
    checks: list[Check] = []
    for field in schema.fields:
        if field.required or field.name in required:  # a key is never missing (v2, primaryKey)
            checks.append(_check(field, "required", "error"))
        if field.constraints.get("unique"):
            checks.append(_check(field, "unique", "error"))
        if field.type in _TEXT:
            checks.append(_check(field, "line-break", "error"))
        if field.type == "number":
            checks.append(_check(field, "not-finite", "error"))
        checks.extend(value_checks(field))
    return Plan({field.name: DTYPES[field.type] for field in schema.fields}, tuple(checks))


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
    return Check(field.name, code, severity, (field.name,), limit)


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
    if field.type not in _TEXT or isinstance(limit, bool) or not isinstance(limit, int):
        raise _unreadable(field, name, limit)
    return limit


def _limits(field: Field, name: str, limits: Sequence[Any]) -> tuple[Any, ...]:
    """Limits as values of the field: as JSON has them, or written as in the data."""
    native = [_native(field, limit) for limit in limits]
    texts = [str(limit) for limit, own in zip(limits, native, strict=True) if own is None]
    read = iter(read_text(field, pl.Series(texts, dtype=pl.String)).values.to_list())
    values = tuple(next(read) if own is None else own for own in native)
    for value, limit in zip(values, limits, strict=True):
        if value is None:
            raise _unreadable(field, name, limit)
    return values


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
