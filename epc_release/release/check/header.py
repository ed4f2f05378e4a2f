"""A header against a schema, told without giving away a first record taken for a header."""

from __future__ import annotations

from collections.abc import Iterator

from epc_release.release.check.targets import Target
from epc_release.release.source.archive import printable
from epc_release.release.source.model import Part
from epc_release.schemas.checks import match_fields

_LONGEST = 60  # characters of a name that the schema does not have; a record's text may be longer


def header_issues(part: Part, target: Target) -> Iterator[tuple[str, str]]:
    """(code, field) of everything that is wrong with a header.

    Columns that the schema does not have are told by name only where half of the header's names are
    known: else it may be a record (but for Parquet), and a name one of its values.
    """
    names, schema, spelling = target.names(part.header), target.schema, target.spelling
    known = sum(name is None or name in schema.by_name for name in names)
    named = part.kind == "parquet" or 2 * known >= len(names)
    for position, name in enumerate(names, start=1):
        if name is not None and not name.strip():
            yield "blank-header", f"column {position}"
    for code, name in match_fields(schema, [name for name in names if name is not None]).codes:
        if code == "missing-field" and spelling is not None and spelling.may_lack(name):
            continue
        if code == "duplicate-field":
            if name.strip():
                yield "duplicate-header", _shown(part, name, named or name in schema.by_name)
        elif name.strip() or code == "no-shared-field":
            yield code, _shown(part, name, named or code != "extra-field")


def _shown(part: Part, name: str, named: bool) -> str:
    if not named and name in part.header:
        return f"column {part.header.index(name) + 1}"
    shown = printable(name)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
