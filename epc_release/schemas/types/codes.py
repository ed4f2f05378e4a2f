"""Stable codes of what can be wrong with a value. Their order never changes: add at the end."""

from __future__ import annotations

from typing import Final

PROBLEMS: Final = (
    "type-integer",
    "type-number",
    "number-precision",
    "type-boolean",
    "type-date",
    "type-datetime",
    "type-year",
    "type-yearmonth",
    "type-time",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusive-minimum",
    "exclusive-maximum",
    "min-length",
    "max-length",
    "type-string",
    "type-duration",
    "type-list",
    "type-object",
    "type-array",
    "type-geopoint",
    "type-geojson",
    "json-schema",
    "unknown-category",
    "warn-minimum",
    "warn-maximum",
    "formula-like",
    "scientific-notation",
)
"""Codes of a value that is not published; a problem is stored as its position here plus one."""

WARNINGS: Final = (
    "unknown-category",
    "warn-minimum",
    "warn-maximum",
    "formula-like",
    "scientific-notation",
    "sub-second",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusive-minimum",
    "exclusive-maximum",
    "min-length",
    "max-length",
    "json-schema",
)
"""Codes of a value that is published and counted; warnings are stored as the sum of 2**position."""

NO_PROBLEM: Final = 0


def problem_number(code: str) -> int:
    """How a problem is stored (1 to 255)."""
    return PROBLEMS.index(code) + 1


def warning_bit(code: str) -> int:
    """How a warning is stored: one bit of a 32-bit number."""
    return 1 << WARNINGS.index(code)
