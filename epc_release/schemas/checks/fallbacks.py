"""Columns that are not compiled to expressions, and why: what a reader should know about speed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from epc_release.schemas.table import Field
from epc_release.schemas.types.moments import is_compiled
from epc_release.schemas.types.patterns import is_common

Engine = Literal["python", "frictionless"]

_ON_VALUES = ("enum", "minLength", "maxLength", "minimum", "maximum")
_EXCLUSIVE = ("exclusiveMinimum", "exclusiveMaximum")


@dataclass(frozen=True)
class Fallback:
    """A column whose distinct texts are looked at one by one.

    ``engine`` does it: Python with the standard library (and jsonschema), or frictionless. ``what``
    is the type and format or the constraint.
    """

    field: str
    engine: Engine
    what: str
    reason: str


def fallbacks(field: Field) -> tuple[Fallback, ...]:
    """All fallbacks of a field; none for most."""
    return tuple(Fallback(field.name, *found) for found in (*_of_type(field), *_of_rules(field)))


def _of_type(field: Field) -> Iterator[tuple[Engine, str, str]]:
    what = f"{field.type}/{field.format}"
    match field.type, field.format:
        case "string", "email" | "uri":
            yield "frictionless", what, "only plain ones are compiled, the others are asked there"
        case "date" | "datetime" | "time", "any":
            yield "frictionless", what, "dateutil guesses the form of each text"
        case "geojson", _:
            yield "frictionless", what, "its structure is a JSON Schema"
        case "object" | "array", _:
            yield "python", what, "each text is read as JSON"
        case "geopoint", _:
            yield "python", what, "each text is read as a pair of numbers"
        case "time", form if form != "default":
            yield "python", what, "the form is read by strptime"
        case "date" | "datetime", form if not is_compiled(form):
            yield "python", what, "the form is read by strptime"


def _of_rules(field: Field) -> Iterator[tuple[Engine, str, str]]:
    pattern = field.constraints.get("pattern")
    if pattern is not None and not is_common(pattern):
        yield "python", "pattern", "the regular expressions of Rust do not read it alike"
    if "jsonSchema" in field.constraints:
        yield "python", "jsonSchema", "jsonschema judges each value"
    if field.type in ("duration", "list"):
        for name in (*_ON_VALUES, *_EXCLUSIVE):
            if name in field.constraints:
                yield "python", name, "the text stands for another value"
