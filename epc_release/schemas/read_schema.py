"""Any Table Schema, v1 or v2, checked as far as nothing later need doubt it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.schemas.checks.fields_match import MODES
from epc_release.schemas.table import TableSchema


def read_schema(source: Path | str | Mapping[str, Any]) -> TableSchema:
    """The schema of a file or of a descriptor; E134 says what is wrong with it.

    Types, formats and constraints are the compiler's to judge (E130 to E137).
    """
    label = "the schema" if isinstance(source, Mapping) else Path(source).name or str(source)
    descriptor = source if isinstance(source, Mapping) else _json(Path(source), label)
    for problem in _problems(descriptor):
        raise ReleaseError("E134", file=label, problem=problem)
    return TableSchema(descriptor)


def _json(path: Path, label: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ReleaseError("E134", file=label, problem="it cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise ReleaseError("E134", file=label, problem=f"it is no JSON: {error}") from error


def _problems(descriptor: Any) -> Iterator[str]:
    fields = descriptor.get("fields") if isinstance(descriptor, Mapping) else None
    if not isinstance(fields, list) or not fields:
        yield "it has no fields"
        return
    names = [field.get("name") if isinstance(field, Mapping) else None for field in fields]
    if not all(isinstance(name, str) and name for name in names):
        yield "each of its fields must have a name"
        return
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"field {name} is given twice"
    for field in fields:
        if not isinstance(field.get("constraints", {}), Mapping):
            yield f"field {field['name']}: constraints must be an object"
        yield from _missing(f"field {field['name']}: missingValues", field)
    yield from _missing("missingValues", descriptor)
    if TableSchema(descriptor).fields_match not in MODES:
        yield f"fieldsMatch must be one of {', '.join(MODES)}"
    yield from _keys(descriptor, names)


def _missing(where: str, descriptor: Mapping[str, Any]) -> Iterator[str]:
    tokens = descriptor.get("missingValues", [])
    texts = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
    labelled = isinstance(tokens, list) and all(
        isinstance(token, Mapping) and isinstance(token.get("value"), str) for token in tokens
    )
    if not texts and not labelled:
        yield f"{where} must be a list of texts, or of objects with a value"


def _keys(descriptor: Mapping[str, Any], names: list[Any]) -> Iterator[str]:
    """Keys name fields of the schema; both sides of a foreign key are of one length."""
    yield from _columns("primaryKey", descriptor.get("primaryKey") or names[:1], names)
    unique = descriptor.get("uniqueKeys", [])
    if not isinstance(unique, list):
        yield "uniqueKeys must be a list"
        return
    for key in unique:
        yield from _columns("uniqueKeys", key, names)
    foreign = descriptor.get("foreignKeys", [])
    for key in foreign if isinstance(foreign, list) else [None]:
        reference = key.get("reference") if isinstance(key, Mapping) else None
        if not isinstance(key, Mapping) or not isinstance(reference, Mapping):
            yield "each of foreignKeys must have fields and a reference"
            return
        own, theirs = key.get("fields"), reference.get("fields")
        yield from _columns("foreignKeys", own, names)
        there = None if reference.get("resource") else names
        yield from _columns("the reference of foreignKeys", theirs, there)
        if len(_listed(own)) != len(_listed(theirs)):
            yield "both sides of foreignKeys must have as many fields"


def _listed(key: Any) -> Any:
    return [key] if isinstance(key, str) else key


def _columns(where: str, key: Any, names: list[Any] | None) -> Iterator[str]:
    listed = _listed(key)
    if not isinstance(listed, list) or not listed or not all(isinstance(n, str) for n in listed):
        yield f"{where} must be a field or a list of fields"
        return
    for name in listed:
        if names is not None and name not in names:
            yield f"{where} names {name}, which is no field"
