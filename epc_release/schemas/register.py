"""A register as data: tables, keys, dialects and licences, read from ``registers/<name>/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from epc_release.schemas.table import TableSchema


@dataclass(frozen=True)
class Table:
    """One table of a register.

    ``schema`` describes conformed records: published columns in published order, then those that
    only the extract has. ``parent`` names the table whose rows this one's follow (joined on
    ``key``); a child has its parent's partition and year. ``year`` is the column whose first four
    digits name the yearly archive. ``archive`` and ``member`` name its place in the zips:
    ``<archive>-<value>.zip`` holds ``<member>.csv``. ``unit`` is the column of the statistical
    unit. ``hints`` are patterns (as of ``fnmatch``, lower case) of file and folder names that tell
    this table from another with the same columns.
    """

    name: str
    schema: TableSchema
    key: tuple[str, ...]
    partition: str
    year: str | None
    sort: tuple[str, ...]
    archive: str
    member: str
    parent: str | None = None
    unit: str | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableDialect:
    """How one generation of input files spells a table.

    ``columns`` maps every accepted spelling to our name; ``input_only`` spellings are known and not
    taken on; ``optional`` (our names) may be absent from a header; every other column of the
    dialect must be there. ``missing`` adds tokens to those of the schema, by our name;
    ``screened_upstream`` names the record rules that were applied before these files were made.
    ``rewrites`` (by our name) are (pattern, replacement) pairs in the syntax of polars, applied in
    order to the tidied text of a cell before missing tokens are looked for. ``header`` is the usual
    header of such a file, input-only columns included.
    """

    dialect: str
    table: str
    columns: Mapping[str, str]
    input_only: frozenset[str]
    optional: frozenset[str]
    missing: Mapping[str, tuple[str, ...]]
    screened_upstream: tuple[str, ...]
    rewrites: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class CodeList:
    """Names for the values of a column, all by code.

    ``slugs`` are ASCII, unique and begin with the code (``E06000001-Hartlepool``): they stand for
    the value in file names. ``successors`` has the codes that replaced an ended one. ``attributes``
    holds the other columns of its file by their names (empty cells left out).
    """

    name: str
    names: Mapping[str, str]
    slugs: Mapping[str, str]
    successors: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Register:
    """A whole register; parents stand before their children in ``tables``."""

    name: str
    title: str
    tables: tuple[Table, ...]
    dialects: tuple[TableDialect, ...]
    default_policy: str
    timezone: str
    geography_vintage: str
    codelists: Mapping[str, CodeList]  # by column
    licences: tuple[Mapping[str, str], ...]  # name, title, path, and our own ``notice``
    sources: tuple[Mapping[str, str], ...]
    contributors: tuple[Mapping[str, str], ...]
    homepage: str

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


@dataclass(frozen=True)
class HeaderMatch:
    """A recognised header: for each of its columns our name, or None where it is not taken on."""

    dialect: TableDialect
    columns: tuple[str | None, ...]
