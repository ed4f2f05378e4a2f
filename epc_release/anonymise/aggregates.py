"""``[[aggregates]]`` of a policy: tables of counts that are published beside the records.

A table whose dimensions and filter the published records tell (at least as finely) can be made from
them by anybody: it is made from them, and protecting it would protect nothing. Any other table is
counted from the records before they are generalised or suppressed, and its counts are protected.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from epc_release.anonymise.cellkey import PTable, ptable_names, read_ptable
from epc_release.anonymise.compile import check
from epc_release.anonymise.document import Document, Section
from epc_release.anonymise.expression import ExpressionError, Node, columns, parse
from epc_release.anonymise.rules import RULES, Reading
from epc_release.anonymise.rules.base import CellRule, MisfitError
from epc_release.anonymise.rules.generalise import DATE_LEVELS, Generalise
from epc_release.anonymise.rules.numbers import Bin, BottomCode, Round, TopCode
from epc_release.anonymise.rules.plain import Keep, KeepKnown, KeepMatching
from epc_release.anonymise.told import FieldRule
from epc_release.anonymise.used import Used
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import Field, TableSchema

MEASURES = ("count",)
PROTECTIONS = ("cell-key", "round", "none-exact")
COARSENING = (Generalise, Bin, Round, TopCode, BottomCode, KeepKnown, KeepMatching)
KINDS = ("string", "integer", "boolean")
ALL = "All"  # stands in a margin for all values of a dimension
COUNT, SYMBOL, CONFIDENTIAL = "count", "count_symbol", "[c]"


@dataclass(frozen=True)
class Dimension:
    """One dimension: ``column`` as it is published, or as ``rule`` makes it of the source.

    ``field`` describes its values, always as text.
    """

    name: str
    column: str
    rule: CellRule | None
    field: Field


@dataclass(frozen=True)
class Aggregate:
    """One table of counts. ``margins`` are dimensions by which it is also counted alone (none of
    them: the grand total); ``where`` is of published columns.

    ``threshold`` and ``round_to`` are of the protection; None where there is none. ``exact`` says
    that the published records give the table as long as suppression takes nothing of ``told``.
    """

    id: str
    table: str
    title: str
    why: str
    dimensions: tuple[Dimension, ...]
    where: Node | None
    where_text: str
    margins: tuple[tuple[str, ...], ...]
    protection: str
    threshold: int | None
    round_to: int | None
    ptable: PTable | None
    exact: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def told(self) -> frozenset[str]:
        """The columns of the table that it depends on."""
        found = {dimension.column for dimension in self.dimensions}
        found |= {column.name for column in columns(self.where)} if self.where else set()
        return frozenset(found)

    @property
    def used(self) -> tuple[Used, ...]:
        """The files that it follows besides the policy."""
        rules = (one for each in self.dimensions if each.rule for one in each.rule.used)
        ptables = (self.ptable,) if self.ptable else ()
        return (*rules, *(Used("p-table", each.name, each.sha256) for each in ptables))

    @property
    def needs_key(self) -> bool:
        return self.protection == "cell-key"

    def schema(self) -> TableSchema:
        """The Table Schema of the published table."""
        shown = [_shown(dimension.field, bool(self.margins)) for dimension in self.dimensions]
        told = [
            {
                "name": COUNT,
                "type": "integer",
                "title": "Count",
                "description": "Number of records. Missing where it may not be told.",
                "constraints": {"minimum": 0},
            },
            {
                "name": SYMBOL,
                "type": "string",
                "title": "Symbol",
                "description": f"{CONFIDENTIAL} where the count is too small to be told; 0 may be.",
                "constraints": {"enum": [CONFIDENTIAL]},
            },
        ]
        return TableSchema({"name": self.id, "missingValues": [""], "fields": [*shown, *told]})


def _shown(field: Field, margins: bool) -> dict[str, Any]:
    """A dimension's field; in a table with margins it may also be ``ALL``."""
    told = dict(field.descriptor)
    if margins:
        says = f"{ALL}: counted over all of them."
        told["description"] = f"{told.get('description', '')} {says}".strip()
        if "enum" in told.get("constraints", {}):
            told["constraints"] = {"enum": [ALL, *told["constraints"]["enum"]]}
    return told


def read_aggregates(
    document: Document,
    register: Register,
    rules: Mapping[str, Mapping[str, FieldRule]],
    schemas: Mapping[str, TableSchema],
) -> tuple[Aggregate, ...]:
    """The tables of a policy in file order; ``schemas`` are the published ones. Raises E141."""
    found: list[Aggregate] = []
    for section in document.sections("aggregates"):
        name = section.text("id")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            section.wrong("id", "id must be lower-case words joined by hyphens")
        if name in [*(each.name for each in register.tables), *(each.id for each in found)]:
            section.wrong("id", f"{name} is the name of another table")
        tables = [each.name for each in register.tables if each.parent is None]
        table = register.table(section.text("table", tables))
        found.append(_read(section, name, table, register, rules[table.name], schemas[table.name]))
        section.done()
    return tuple(found)


def _read(
    section: Section,
    name: str,
    table: Table,
    register: Register,
    rules: Mapping[str, FieldRule],
    schema: TableSchema,
) -> Aggregate:
    dimensions = tuple(
        _dimension(section, entry, table, register, rules, schema)
        for entry in section.entries("dimensions")
    )
    names = [dimension.name for dimension in dimensions]
    if len({*names, COUNT, SYMBOL}) < len(names) + 2:
        section.wrong("dimensions", f"names of dimensions stand once, and are not {COUNT}")
    text = section.text("where") if "where" in section else ""
    section.text("measure", MEASURES)
    protection = section.text("protection", PROTECTIONS)
    exact = all(_given(dimension, rules) for dimension in dimensions)
    if protection == "none-exact" and not exact:
        problem = "the published records do not give this table, so it needs protection"
        section.wrong("protection", problem)
    protects = protection != "none-exact"
    threshold = _whole(section, "threshold") if protects else None
    round_to = _whole(section, "round_to") if protects else None
    return Aggregate(
        id=name,
        table=table.name,
        title=section.text("title"),
        why=section.text("why"),
        dimensions=dimensions,
        where=_where(section, text, schema) if text else None,
        where_text=text,
        margins=_margins(section, names),
        protection=protection,
        threshold=threshold,
        round_to=round_to,
        ptable=_ptable(section, threshold, round_to) if protection == "cell-key" else None,
        exact=exact,
    )


def _dimension(
    section: Section,
    entry: str | Section,
    table: Table,
    register: Register,
    rules: Mapping[str, FieldRule],
    schema: TableSchema,
) -> Dimension:
    """A published column by its name, or settings: ``column``, perhaps ``name``, ``title`` and a
    ``rule`` with its own settings."""
    if isinstance(entry, str):
        return _as_published(section, entry, entry, {}, rules, schema)
    column = entry.text("column")
    name = entry.text("name") if "name" in entry else column
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        entry.wrong(name, "name must be of lower-case letters, digits and _")
    title = {"title": entry.text("title")} if "title" in entry else {}
    if "rule" not in entry:
        entry.done()
        return _as_published(section, column, name, title, rules, schema)
    if column not in table.schema.by_name:
        section.wrong(column, f"table {table.name} has no column {column}")
    kinds = {rule.name: rule for rule in COARSENING}
    read = kinds[entry.text("rule", tuple(kinds))]
    own = Section(entry.document, f"rule {read.name}", entry.left(), entry.line)
    source = table.schema.by_name[column]
    try:
        made = RULES[read.name](Reading(own, source, table, register))
    except MisfitError as misfit:
        section.wrong(column, f"{column}: {misfit}")
    own.done()
    if not isinstance(made, CellRule):
        raise TypeError(f"rule {read.name} is of no cells")
    field = Field({**made.field(source), **title})
    return Dimension(name, column, made, _as_text(section, field, name))


def _as_published(
    section: Section,
    column: str,
    name: str,
    title: Mapping[str, str],
    rules: Mapping[str, FieldRule],
    schema: TableSchema,
) -> Dimension:
    if column not in schema.by_name:
        section.wrong(column, f"no column {column} is published")
    if column in rules and rules[column].column_class == "identifier":
        section.wrong(column, f"{column} is an identifier: each record would be a cell")
    field = Field({**schema.by_name[column].descriptor, **title})
    return Dimension(name, column, None, _as_text(section, field, name))


def _as_text(section: Section, field: Field, name: str) -> Field:
    """How the table describes a dimension."""
    if field.type not in KINDS:
        section.wrong(field.name, f"{field.name} holds {field.type} values: make them coarser")
    told = {key: field.descriptor[key] for key in ("title", "description", "licence")
            if key in field.descriptor}  # fmt: skip
    values = field.constraints.get("enum")
    limits = {"constraints": {"enum": [str(value) for value in values]}} if values else {}
    return Field({"name": name, "type": "string", **told, **limits})


def _given(dimension: Dimension, rules: Mapping[str, FieldRule]) -> bool:
    """Whether the published column tells the dimension."""
    if dimension.rule is None or isinstance(rules[dimension.column].rule, Keep):
        return True
    published = rules[dimension.column].rule
    if not isinstance(published, Generalise) or not isinstance(dimension.rule, Generalise):
        return published == dimension.rule
    levels = list(DATE_LEVELS)
    if {published.to, dimension.rule.to} <= set(levels):
        return levels.index(published.to) <= levels.index(dimension.rule.to)
    return published == dimension.rule


def _where(section: Section, text: str, schema: TableSchema) -> Node:
    try:
        node = parse(text)
        check(node, schema)
    except ExpressionError as error:
        section.wrong("where", f"where, character {error.position}: {error.problem}")
    return node


def _margins(section: Section, names: Collection[str]) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    for margin in section.lists("margins"):
        if not set(margin) < set(names) or len(set(margin)) < len(margin):
            section.wrong("margins", "a margin names some of the dimensions, each once")
        ordered = tuple(name for name in names if name in margin)
        if ordered in found:
            section.wrong("margins", "margins name one twice")
        found.append(ordered)
    return tuple(found)


def _ptable(section: Section, threshold: int | None, round_to: int | None) -> PTable:
    name = section.text("ptable", ptable_names()) if "ptable" in section else "10-5-rule"
    ptable = read_ptable(name)
    problem = ptable.misfit(threshold or 0, round_to or 1)
    if problem:
        section.wrong("ptable", f"p-table {name}: {problem}")
    return ptable


def _whole(section: Section, key: str) -> int:
    value = section.number(key)
    if not isinstance(value, int) or value < 1:
        section.wrong(key, f"{key} must be a whole number from 1 on")
    return value
