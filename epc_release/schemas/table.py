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
    list: others are published and counted as ``unknown-category``); ``warn`` (limits that warn);
    ``severity`` (code -> error or warning, where a schema may choose).
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
        """``default`` where there is none; without the prefix ``fmt:`` of the oldest schemas."""
        return str(self.descriptor.get("format", "default")).removeprefix("fmt:")

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
        return _names(self.descriptor.get("primaryKey", ()))

    @property
    def unique_keys(self) -> tuple[tuple[str, ...], ...]:
        """Columns of each of the ``uniqueKeys`` (v2)."""
        return tuple(_names(key) for key in self.descriptor.get("uniqueKeys", ()))

    @property
    def foreign_keys(self) -> tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]:
        """Of each foreign key its columns, the other resource and the columns there.

        The resource is the empty text where the table refers to itself (v1 writes it so, v2 leaves
        it out).
        """
        return tuple(
            (
                _names(key["fields"]),
                str(key["reference"].get("resource") or ""),
                _names(key["reference"]["fields"]),
            )
            for key in self.descriptor.get("foreignKeys", ())
        )

    @property
    def fields_match(self) -> str:
        """exact, equal, subset, superset or partial (v2); its profile writes it as a list."""
        found = self.descriptor.get("fieldsMatch", "exact")
        return str(found if isinstance(found, str) else next(iter(found), "exact"))

    def missing_values(self, name: str) -> tuple[str, ...]:
        """Missing tokens of one column: its own, else the schema's (default: empty text)."""
        field = self.by_name[name]
        if "missingValues" in field.descriptor:
            return field.missing_values
        return _tokens(self.descriptor.get("missingValues", ("",)))

    @property
    def order(self) -> tuple[tuple[str, str], ...]:
        """Our own ``order``: pairs of columns of which the second is never less than the first.

        A record that breaks it is published and counted as ``out-of-order``.
        """
        return tuple((first, second) for first, second in self.descriptor.get("order", ()))

    def json(self) -> str:
        return json.dumps(self.descriptor, ensure_ascii=False, indent=2)


def _tokens(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(v["value"]) if isinstance(v, Mapping) else str(v) for v in values)


def _names(key: str | Iterable[str]) -> tuple[str, ...]:
    """Columns of a key; v1 allows a single name in place of a list."""
    return (key,) if isinstance(key, str) else tuple(key)
