"""Table Schemas (Frictionless, v2) as frozen values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Field:
    """One column: ``descriptor`` is the field of the Table Schema, our own properties included.

    Our properties: ``unit``; ``licence`` (SPDX id or ``LicenseRef-``); ``kind`` (of identifier, for
    pseudonyms); ``derive`` (bands from a score); ``categories``-like ``known_values`` (an open
    list: others are published and counted as ``unknown-category``); ``warn`` (limits that warn).
    """

    descriptor: Mapping[str, Any]

    @cached_property
    def json(self) -> str:
        """The descriptor as text: what tells two fields apart."""
        return json.dumps(self.descriptor)

    @property
    def name(self) -> str:
        return str(self.descriptor["name"])

    @property
    def type(self) -> str:
        return str(self.descriptor.get("type", "string"))

    @property
    def format(self) -> str:
        return str(self.descriptor.get("format", "default"))

    @property
    def constraints(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.descriptor.get("constraints", {})
        return found

    @property
    def required(self) -> bool:
        return bool(self.constraints.get("required", False))

    @property
    def missing_values(self) -> tuple[str, ...]:
        """The field's own missing tokens (labels dropped)."""
        return _tokens(self.descriptor.get("missingValues", ()))

    @property
    def licence(self) -> str:
        return str(self.descriptor.get("licence", "OGL-UK-3.0"))


@dataclass(frozen=True)
class TableSchema:
    """A Table Schema; ``descriptor`` is its JSON."""

    descriptor: Mapping[str, Any]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return tuple(Field(field) for field in self.descriptor["fields"])

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    @property
    def primary_key(self) -> tuple[str, ...]:
        key = self.descriptor.get("primaryKey", ())
        return (key,) if isinstance(key, str) else tuple(key)

    def missing_values(self, name: str) -> tuple[str, ...]:
        """Missing tokens of one column: its own, else the schema's (default: empty text)."""
        field = self.by_name[name]
        if "missingValues" in field.descriptor:
            return field.missing_values
        return _tokens(self.descriptor.get("missingValues", ("",)))

    def json(self) -> str:
        return json.dumps(self.descriptor, ensure_ascii=False, indent=2)


def _tokens(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(v["value"]) if isinstance(v, Mapping) else str(v) for v in values)
