"""A register as data: tables, keys, dialects and licences, read from ``registers/<name>/``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from epc_release.schemas.gates import Gates
from epc_release.schemas.table import TableSchema


@dataclass(frozen=True)
class Latest:
    """Which of several records of one key counts: the newest one.

    ``by`` are columns (dates, times or text) from the most to the least telling, a missing value
    being the oldest; then ``status`` tells, its values from the oldest to the newest in ``order``.
    A newest record whose status is one of ``removes`` takes its key out of the release.
    """

    by: tuple[str, ...]
    status: str | None = None
    order: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that it looks at."""
        return (*self.by, *((self.status,) if self.status else ()))


@dataclass(frozen=True)
class Table:
    """One table of a register.

    ``schema`` describes conformed records: published columns in published order, then those that
    only the extract has. ``parent`` names the table whose rows this one's follow (joined on
    ``key``); a child has its parent's partition and year. ``year`` is the column whose first four
    digits name the yearly archive. ``archive`` and ``member`` name its place in the zips:
    ``<archive>-<value>.zip`` holds ``<member>.csv``. ``unit`` is the column of the statistical
    unit; records of one with more than ``unit_limit`` published records are counted as
    ``many-of-unit``. ``hints`` are patterns (as of ``fnmatch``, lower case) of file and folder
    names that tell this table from another with the same columns. Where ``latest`` is not given,
    records that share a key contradict each other.
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
    latest: Latest | None = None
    unit_limit: int | None = None


@dataclass(frozen=True)
class Pick:
    """One place that a cell's text may come from: a column (our name), the file's name or nothing.

    Text that ``pattern`` (syntax of polars) matches becomes ``replace`` with its groups (``${1}``);
    without a pattern any text does. ``constant`` is the text itself.
    """

    column: str | None = None
    file: bool = False
    constant: str | None = None
    pattern: str = ""
    replace: str = "${0}"


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

    ``fold`` says how spellings are compared (``plain``: without case and outer blanks; ``loose``:
    by letters and digits alone). ``headed`` is False for files without a header line: their columns
    stand as in ``header``, and ``shapes`` (our name -> regular expression) are what the first
    record's cells look like. ``unnamed`` columns are known and not taken on; records without any
    text are excluded where ``blank_rows`` is set. ``dates`` has the forms of days (``strptime``)
    beside ISO 8601; ``picks`` the places that a column's text comes from, the first that has some.
    ``given`` is the sha256 of the user's file that it stands in, empty for the register's own.
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
    fold: str = "plain"
    headed: bool = True
    shapes: Mapping[str, str] = field(default_factory=dict)
    unnamed: bool = False
    blank_rows: bool = False
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    picks: Mapping[str, tuple[Pick, ...]] = field(default_factory=dict)
    given: str = ""

    def sources(self, columns: Iterable[str]) -> tuple[str, ...]:
        """The columns that the text of these ones comes from, themselves where nothing is said."""
        found: dict[str, None] = {}
        for name in columns:
            picks = self.picks.get(name)
            from_columns = (p.column for p in picks if p.column) if picks else (name,)
            found.update(dict.fromkeys(from_columns))
        return tuple(found)


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

    @property
    def sha256(self) -> str:
        """Of the list's content: it changes with any code, name, successor or attribute."""
        content = [dict(self.names), dict(self.successors), dict(self.attributes)]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Register:
    """A whole register; parents stand before their children in ``tables``.

    ``encodings`` are tried in turn on each CSV (empty: UTF-8 and nothing else). A file that cannot
    be read as one of the register's stops the build, or where ``refuse`` is ``file`` is left out as
    a whole, by name.
    """

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
    encodings: tuple[str, ...] = ()
    refuse: str = "build"
    gates: Gates = field(default_factory=Gates)

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


@dataclass(frozen=True)
class HeaderMatch:
    """A recognised header: for each of its columns our name, or None where it is not taken on."""

    dialect: TableDialect
    columns: tuple[str | None, ...]
