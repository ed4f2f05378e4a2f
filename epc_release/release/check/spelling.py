"""A dialect given to a check: how its files spell the columns of the schema, and missing values.

The text of cells is brought to the schema's form as the dialect says (rewrites, dates, missing
tokens) and then judged by the standard alone, like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epc_release.release.check.columns import Text
from epc_release.schemas.dialect import read_dialect
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.parse import iso_days
from epc_release.schemas.register import Table, TableDialect
from epc_release.schemas.section import Section, read_section
from epc_release.schemas.table import TableSchema
from epc_release.schemas.types.text import normalise, rewrite


@dataclass(frozen=True)
class Spelling:
    """What a dialect says of one table."""

    dialect: TableDialect

    def names(self, header: Sequence[str]) -> tuple[str | None, ...]:
        """Each column by our name, None where it is not taken on, else as it stands."""
        fold = FOLDS[self.dialect.fold]
        known: dict[str, str | None] = {fold(name): None for name in self.dialect.input_only}
        known |= {fold(spelling): name for spelling, name in self.dialect.columns.items()}
        if self.dialect.unnamed:
            known[""] = None
        return tuple(known.get(fold(name), name) for name in header)

    def may_lack(self, name: str) -> bool:
        """Whether such files need not have the column of this name."""
        return name in self.dialect.optional or name not in self.dialect.columns.values()

    def brought(self, name: str, text: Text) -> Text:
        """A column's text in the form of the schema."""
        texts = text.texts
        if name in self.dialect.dates:
            texts = iso_days(texts, self.dialect.dates[name])
        if name in self.dialect.rewrites:
            texts = rewrite(normalise(texts), self.dialect.rewrites[name])
        return Text(texts, text.places)


def read_spelling(file: Path, table: str, schema: TableSchema) -> Spelling | None:
    """What the dialect in ``file`` says of a table; None where it does not name it.

    Raises E121 for a file that is no dialect, contradicts the schema, or has columns picked from
    others, which a check of a file as it stands cannot do.
    """
    section = read_section(file, str(file))
    tables = section.section("tables")
    if table not in tables.values:
        return None
    rewrites = {n: v for n, v in section.section("rewrites").values.items() if n in schema.by_name}
    values = {**section.values, "tables": {table: tables.values[table]}, "rewrites": rewrites}
    known = Table(table, schema, schema.primary_key, "", None, (), "", "")
    (dialect,) = read_dialect(Section(section.file, "", values), [known])
    if dialect.picks:
        raise tables.section(table).wrong("picks: a check takes each column as it stands")
    return Spelling(dialect)


def tables_of(file: Path) -> tuple[str, ...]:
    """The tables that a dialect file names; raises E121 where it names none."""
    section = read_section(file, str(file))
    found = tuple(section.section("tables").values)
    if not found:
        raise section.wrong("tables: it must say how at least one table is spelled")
    return found


def with_missing(schema: TableSchema, dialect: TableDialect) -> TableSchema:
    """The schema with the missing tokens of the dialect; columns may stand in any order."""
    fields = [
        {**field.descriptor, "missingValues": list(dict.fromkeys((*own, *more)))}
        for field in schema.fields
        for own, more in [
            (schema.missing_values(field.name), dialect.missing.get(field.name, ())),
        ]
    ]
    return TableSchema({**schema.descriptor, "fields": fields, "fieldsMatch": ["equal"]})
