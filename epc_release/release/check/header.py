"""A header against a schema, told without giving away a first record taken for a header."""

from __future__ import annotations

from collections.abc import Iterator

from epc_release.release.source.model import Part
from epc_release.schemas.checks import match_fields
from epc_release.schemas.table import TableSchema


def header_issues(part: Part, schema: TableSchema) -> Iterator[tuple[str, str]]:
    """(code, field) of everything that is wrong with a header.

    Columns that the schema does not have are told by name only where half of the header's names are
    known: else it may be a record, and a name one of its values.
    """
    known = sum(name in schema.by_name for name in part.header)
    named = 2 * known >= len(part.header)
    for position, name in enumerate(part.header, start=1):
        if not name.strip():
            yield "blank-header", f"column {position}"
    for code, name in match_fields(schema, part.header).codes:
        if code == "duplicate-field":
            yield "duplicate-header", _shown(part, name, named or name in schema.by_name)
        elif name.strip() or code == "no-shared-field":
            yield code, _shown(part, name, named or code != "extra-field")


def _shown(part: Part, name: str, named: bool) -> str:
    if named or name not in part.header:
        return name
    return f"column {part.header.index(name) + 1}"
