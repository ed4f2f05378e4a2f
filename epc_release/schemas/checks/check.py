"""One check: what it is called, what it reads, and the expression that finds its violations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl

from epc_release.schemas.types.patterns import mismatches

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

WHOLE_COLUMN: Final = frozenset({"required", "unique"})
"""Checks that need every row; the others can be worked out once for each distinct value."""


@dataclass(frozen=True)
class Check:
    """A rule for the values of one column.

    ``code`` names the rule, ``columns`` are those that it reads, ``limit`` is what it compares with
    (of the column's type; a tuple where there are several). Missing values violate ``required``
    only (Table Schema v2, Field Constraints).
    """

    field: str
    code: str
    severity: Severity
    columns: tuple[str, ...]
    limit: Any = None

    def violations(self, values: pl.Expr) -> pl.Expr:
        """Boolean, as long as ``values``: where the rule is broken; null or False elsewhere."""
        return _VIOLATIONS[self.code](values, self.limit)
