"""Severities that a schema chooses: a field's own ``severity``, code -> ``error`` or ``warning``.

A value with an error is published missing, one with a warning as it is; both are counted. What has
no meaning as the other one (a text that is no number cannot be published as one) has no choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from epc_release.errors import ReleaseError
from epc_release.schemas.table import Field

Severity = Literal["error", "warning"]

_CONSTRAINTS: Final[Mapping[str, str]] = {
    "enum": "enum",
    "pattern": "pattern",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusive-minimum": "exclusiveMinimum",
    "exclusive-maximum": "exclusiveMaximum",
    "min-length": "minLength",
    "max-length": "maxLength",
    "json-schema": "jsonSchema",
}
CHOICES: Final = (
    *_CONSTRAINTS,
    *("unknown-category", "warn-minimum", "warn-maximum", "formula-like", "scientific-notation"),
)
"""Codes whose severity a schema may choose."""


def severity_of(field: Field, code: str, usual: Severity) -> Severity:
    """The severity of a code in a field. Raises E138 where the schema's choice is none."""
    chosen = field.descriptor.get("severity", {})
    if not isinstance(chosen, Mapping):
        raise ReleaseError("E138", field=field.name, code="(all)")
    for name, value in chosen.items():
        if name not in CHOICES or value not in ("error", "warning"):
            raise ReleaseError("E138", field=field.name, code=name)
    found: Severity = chosen.get(code, usual)
    return found


def without_warnings(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """A field without constraints that only warn: others would take published values for wrong."""
    chosen: Mapping[str, str] = descriptor.get("severity", {})
    loose = {_CONSTRAINTS[c] for c, s in chosen.items() if s == "warning" and c in _CONSTRAINTS}
    if not loose:
        return dict(descriptor)
    constraints = {
        name: limit
        for name, limit in descriptor.get("constraints", {}).items()
        if name not in loose
    }
    found = {name: value for name, value in descriptor.items() if name != "constraints"}
    if "enum" in loose:
        found.pop("categories", None)
        found.setdefault("known_values", descriptor.get("constraints", {}).get("enum", []))
    return {**found, "constraints": constraints} if constraints else found
