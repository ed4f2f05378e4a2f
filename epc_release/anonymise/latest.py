"""``[[latest]]`` of a policy: a published flag for the latest record of each unit.

Records of one unit (certificates of one property) can no longer be told apart once the unit is
dropped, so the flag is made before. Of the records that are published, as of the cut-off, exactly
one of each unit has true, all others false; a record without a unit has none. Where suppression
later drops the one that has true, the flags of the others stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from epc_release.anonymise.document import Document, Section
from epc_release.schemas.register import Register
from epc_release.schemas.table import Field


@dataclass(frozen=True)
class LatestFlag:
    """The flag of one table, published as ``column`` after all others.

    ``unit`` is a column of the register, dropped or not. The greatest record by the columns ``by``
    in turn is the latest; a missing value is before any other. Of records that are equal in these,
    one is taken by a digest of its key, so that the order of input never shows.
    """

    table: str
    column: str
    unit: str
    by: tuple[str, ...]
    title: str
    description: str
    why: str
    line: int

    @property
    def inputs(self) -> frozenset[str]:
        """The columns that must be read for it."""
        return frozenset((self.unit, *self.by))

    @cached_property
    def field(self) -> Field:
        """The published column in the derived Table Schema."""
        says = {"title": self.title, "description": self.description}
        return Field({"name": self.column, "type": "boolean", **says})


def read_latest(document: Document, register: Register) -> tuple[LatestFlag, ...]:
    """The flags of a policy, one per table at most, in file order. Raises E141."""
    found: list[LatestFlag] = []
    for section in document.sections("latest"):
        column, unit, by = section.text("column"), section.text("unit"), section.texts("by")
        title, why = section.text("title"), section.text("why")
        description = " ".join(section.text("description").split())
        if not re.fullmatch(r"[a-z][a-z0-9_]*", column):
            section.wrong("column", "column must be a name of lower-case letters, digits and _")
        for table in section.texts("tables"):
            made = LatestFlag(table, column, unit, by, title, description, why, section.line)
            _check(section, made, register)
            if any(each.table == table for each in found):
                section.wrong(table, f"table {table} has a flag already")
            found.append(made)
        section.done()
    return tuple(found)


def _check(section: Section, made: LatestFlag, register: Register) -> None:
    known = [each.name for each in register.tables if each.parent is None]
    if made.table not in known:
        section.wrong(made.table, f"such a flag is for {', '.join(known)}")
    names = register.table(made.table).schema.names
    if made.column in names:
        section.wrong("column", f"table {made.table} has a column {made.column} already")
    for name in (made.unit, *made.by):
        if name not in names:
            section.wrong(name, f"table {made.table} has no column {name}")
    if len({made.unit, *made.by}) <= len(made.by):
        section.wrong("by", "by names each column once, and not the unit")
