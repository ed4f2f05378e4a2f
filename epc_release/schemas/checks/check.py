"""One check: what it is called, what it reads, and the expression that finds its violations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl

from epc_release.schemas.checks.json_schema import is_valid
from epc_release.schemas.table import Field
from epc_release.schemas.types.durations import is_at_most, is_less
from epc_release.schemas.types.logical import Logical
from epc_release.schemas.types.patterns import mismatches
from epc_release.schemas.types.read import wrong_when_kept

Severity = Literal["error", "warning"]

# What a spreadsheet takes for a formula (OWASP, CSV injection): a text that starts with = or @, or
# with a sign and is not just a signed number. A tab cannot start normalised text.
_FORMULA: Final = r"^(?:[=@]|[+-](?:$|[^0-9]|[0-9]+(?:[^0-9.]|\.(?:$|[^0-9]|[0-9]+[^0-9]))))"
_SCIENTIFIC: Final = r"^[+-]?[0-9](?:\.[0-9]+)?[eE][+-]?[0-9]{1,3}$"

_VIOLATIONS: Final[Mapping[str, Callable[[pl.Expr, Any], pl.Expr]]] = {
    "required": lambda values, _: values.is_null(),
    "unique": lambda values, _: values.is_duplicated() & values.is_not_null(),
    "enum": lambda values, allowed: ~values.is_in(allowed),
    "pattern": lambda values, pattern: mismatches(pattern, values),
    "minimum": lambda values, limit: values < limit,
    "maximum": lambda values, limit: values > limit,
    "exclusive-minimum": lambda values, limit: values <= limit,
    "exclusive-maximum": lambda values, limit: values >= limit,
    "min-length": lambda values, length: values.str.len_chars() < length,
    "max-length": lambda values, length: values.str.len_chars() > length,
    "line-break": lambda values, _: values.str.contains("[\r\n]"),
    "not-finite": lambda values, _: ~values.is_finite(),
    "unknown-category": lambda values, known: ~values.is_in(known),
    "warn-minimum": lambda values, limit: values < limit,
    "warn-maximum": lambda values, limit: values > limit,
    "formula-like": lambda values, _: values.str.contains(_FORMULA),
    "scientific-notation": lambda values, _: values.str.contains(_SCIENTIFIC),
}

# The same for values that are kept as their text: whether a value breaks the rule.
_BROKEN: Final[Mapping[str, Callable[[Logical, Any, Any], bool]]] = {
    "enum": lambda logical, value, allowed: logical.same(value) not in allowed,
    "minimum": lambda _, value, limit: not is_at_most(limit, value),
    "maximum": lambda _, value, limit: not is_at_most(value, limit),
    "exclusive-minimum": lambda _, value, limit: not is_less(limit, value),
    "exclusive-maximum": lambda _, value, limit: not is_less(value, limit),
    "min-length": lambda _, value, length: len(value) < length,
    "max-length": lambda _, value, length: len(value) > length,
}

WHOLE_COLUMN: Final = frozenset({"required", "unique"})
"""Checks that need every row; the others can be worked out once for each distinct value."""


@dataclass(frozen=True)
class Check:
    """A rule for the values of one column.

    ``code`` names the rule, ``columns`` are those that it reads, ``limit`` is what it compares with
    (of the column's type; a tuple where there are several). Missing values violate ``required``
    only (Table Schema v2, Field Constraints). ``logical`` says how to read a text that stands for
    another value; such a check runs once for each distinct text.
    """

    field: str
    code: str
    severity: Severity
    columns: tuple[str, ...]
    limit: Any = None
    logical: Logical | None = None

    def violations(self, values: pl.Expr) -> pl.Expr:
        """Boolean, as long as ``values``: where the rule is broken; null or False elsewhere."""
        if self.code.startswith("type-"):
            return values.map_batches(self._wrong, return_dtype=pl.Boolean)
        if self.logical is not None and self.code not in WHOLE_COLUMN:
            return values.map_batches(self._by_value, return_dtype=pl.Boolean)
        return _VIOLATIONS[self.code](values, self.limit)

    def _wrong(self, text: pl.Series) -> pl.Series:
        """Texts of a typed column that are no values of its type; ``limit`` is the field."""
        distinct = text.unique().drop_nulls()
        wrong = distinct.filter(wrong_when_kept(Field(json.loads(self.limit)), distinct))
        return text.is_in(wrong.implode())

    def _by_value(self, text: pl.Series) -> pl.Series:
        logical = self.logical or Logical("object")
        if self.code == "json-schema":
            return logical.violations(
                text, lambda value: not is_valid(self.field, self.limit, value)
            )
        broken = _BROKEN[self.code]
        return logical.violations(text, lambda value: broken(logical, value, self.limit))
