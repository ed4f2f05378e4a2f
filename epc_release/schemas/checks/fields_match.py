"""A header against a schema, as its ``fieldsMatch`` asks (Table Schema v2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from epc_release.schemas.table import Field, TableSchema

MODES: Final = ("exact", "equal", "subset", "superset", "partial")
MAY_HAVE_MORE: Final = ("subset", "partial")
MAY_HAVE_FEWER: Final = ("superset", "partial")


@dataclass(frozen=True)
class FieldsMatch:
    """Each column's field (None where it has none), and what the mode does not allow.

    ``missing`` are fields without a column, ``extra`` columns without a field, ``misplaced`` those
    in another place than the schema's, ``repeated`` names that stand twice.
    """

    fields: tuple[Field | None, ...]
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    shared: bool = True

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """(code, name) of everything that is wrong; ``no-shared-field`` names none."""
        return (
            *(("missing-field", name) for name in self.missing),
            *(("extra-field", name) for name in self.extra),
            *(("field-order", name) for name in self.misplaced),
            *(("duplicate-field", name) for name in self.repeated),
            *(() if self.shared else (("no-shared-field", ""),)),
        )

    @property
    def ok(self) -> bool:
        return not self.codes


def match_fields(schema: TableSchema, header: Sequence[str]) -> FieldsMatch:
    """Columns by their names, in every mode: a column in the wrong place is told once.

    The mode ``exact`` asks for the order besides; a name that stands twice is never allowed. A
    required field or one of the primary key may not be left out in any mode, since all of its
    values would be missing.
    """
    mode = schema.fields_match
    seen = [schema.by_name.get(name) for name in header]
    missing = [
        field.name
        for field in schema.fields
        if field.name not in header
        and (mode not in MAY_HAVE_FEWER or field.required or field.name in schema.primary_key)
    ]
    extra = [] if mode in MAY_HAVE_MORE else [n for n in header if n not in schema.by_name]
    known = [name for name in dict.fromkeys(header) if name in schema.by_name]
    placed = [name for name in schema.names if name in known]
    out_of_place = [own for own, due in zip(known, placed, strict=True) if own != due]
    return FieldsMatch(
        fields=tuple(seen),
        missing=tuple(missing),
        extra=tuple(extra),
        misplaced=tuple(out_of_place) if mode == "exact" else (),
        repeated=tuple(name for name in dict.fromkeys(header) if header.count(name) > 1),
        shared=bool(known) or not schema.fields or mode != "partial",
    )
