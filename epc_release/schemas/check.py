"""Checks of a register's files against themselves, so that nothing later need doubt them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.schemas.checks.severity import severity_of
from epc_release.schemas.register import Latest, Register, Table
from epc_release.schemas.section import Section
from epc_release.schemas.table import Field, TableSchema

TYPES = frozenset(
    {
        *("string", "number", "integer", "boolean", "object", "array", "list", "any"),
        *("date", "time", "datetime", "year", "yearmonth", "duration", "geopoint", "geojson"),
    }
)
NUMERIC = ("integer", "number")
ORDERED = ("string", "date", "datetime", "yearmonth")  # as text in the order of their values
REFUSE = ("build", "file")


def check_schema(section: Section) -> TableSchema:
    """The Table Schema of a file, its fields, keys and own properties checked (E121)."""
    fields = section.entries("fields")
    names = [field.get("name") for field in fields]
    if not fields or not all(isinstance(name, str) and name for name in names):
        raise section.wrong("it must have fields, and each of them a name")
    _unique(section, "field", [str(name) for name in names])
    schema = TableSchema(section.values)
    if not schema.primary_key:
        raise section.wrong("it must have a primaryKey")
    _known(section, "primaryKey", schema.primary_key, schema)
    for key in section.entries("foreignKeys"):
        reference = key.get("reference")
        theirs = reference.get("fields") if isinstance(reference, dict) else None
        if not isinstance(key.get("fields"), list) or not isinstance(theirs, list):
            raise section.wrong("foreignKeys must give lists of fields, here and in the reference")
        _known(section, "foreignKeys", key["fields"], schema)
    for field in schema.fields:
        _check_field(section, schema, field)
    _check_order(section, schema)
    hidden = [bool(field.descriptor.get("extractOnly")) for field in schema.fields]
    if hidden != sorted(hidden):
        raise section.wrong("fields with extractOnly must come after all others")
    return schema


def _check_order(section: Section, schema: TableSchema) -> None:
    """``order`` holds pairs of columns that can be compared."""
    for pair in section.values.get("order", ()):
        if not isinstance(pair, list) or len(pair) != 2:
            raise section.wrong("order must hold pairs of columns")
        _known(section, "order", pair, schema)
        types = {schema.by_name[name].type for name in pair}
        if not (types <= {*NUMERIC} or types in ({"date"}, {"datetime"})):
            raise section.wrong(f"order: {pair[0]} and {pair[1]} are not both numbers or dates")


def _check_field(section: Section, schema: TableSchema, field: Field) -> None:
    if field.type not in TYPES:
        raise section.wrong(f"{field.name}: {field.type} is no type of a Table Schema")
    if not isinstance(field.constraints, Mapping):
        raise section.wrong(f"{field.name}: constraints must be an object")
    check_pattern(section, field.name, str(field.constraints.get("pattern", "")))
    severity_of(field, "", "error")
    if "derive" in field.descriptor:
        _check_bands(section, schema, field.name, field.descriptor["derive"])


def _check_bands(section: Section, schema: TableSchema, name: str, derive: Any) -> None:
    """``derive`` is a score's column and its bands [label, lowest, highest] without gap."""
    if not isinstance(derive, Mapping) or {*derive} != {"from", "bands"}:
        raise section.wrong(f"{name}: derive must have from and bands")
    _known(section, f"derive of {name}", [derive["from"]], schema)
    if schema.by_name[derive["from"]].type not in NUMERIC:
        raise section.wrong(f"{name}: bands come from a number")
    bands = derive["bands"]
    if not isinstance(bands, list) or not all(isinstance(b, list) and len(b) == 3 for b in bands):
        raise section.wrong(f"{name}: a band is a label, its lowest and its highest score")
    lows, highs = [band[1] for band in bands], [band[2] for band in bands]
    edges = zip(highs[:-1], lows[1:], strict=True)
    follow = bands and all(isinstance(high, int) and low == high + 1 for high, low in edges)
    if not follow or lows[0] is not None or highs[-1] is not None:
        raise section.wrong(f"{name}: bands must follow each other from open end to open end")


def check_pattern(section: Section, name: str, pattern: str) -> None:
    """Refuse a regular expression that does not compile."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise section.wrong(f"{name}: {pattern} is no regular expression ({error})") from error


def check_register(section: Section, register: Register) -> None:
    """Refuse what does not fit together: columns, licences, code lists, dialects (E121)."""
    if not register.tables:
        raise section.wrong("it must have tables")
    for table in register.tables:
        _check_table(section.section("tables").section(table.name), register, table)
    columns = {name for table in register.tables for name in table.schema.names}
    for column in register.codelists:
        if column not in columns:
            raise section.wrong(f"codelists: no table has a column {column}")
    _check_reading(section, register)
    if not register.dialects:
        raise ReleaseError("E121", file=section.file, problem="the register has no dialects")
    _unique(section, "dialect", [f"{d.dialect} of {d.table}" for d in register.dialects])


def _check_reading(section: Section, register: Register) -> None:
    if register.refuse not in REFUSE:
        raise section.wrong(f"refuse must be one of {', '.join(REFUSE)}")
    for name in register.encodings:
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise section.wrong(f"encodings: there is no {name}") from error


def _check_latest(section: Section, table: Table, latest: Latest) -> None:
    """Its columns are those of the table and have an order as text."""
    _known(section, "latest", latest.columns, table.schema)
    for name in latest.columns:
        if table.schema.by_name[name].type not in ORDERED:
            raise section.wrong(f"latest: {name} must be of type {', '.join(ORDERED)}")
    if table.parent is not None or not latest.columns:
        raise section.wrong("latest must name columns, of a table without a parent")
    unknown = [status for status in latest.removes if status not in latest.order]
    if bool(latest.status) != bool(latest.order) or unknown:
        raise section.wrong("latest: order must list the values of status, those of removes too")


def _check_table(section: Section, register: Register, table: Table) -> None:
    own = [*table.sort, *(name for name in (table.unit,) if name)]
    if table.unit_limit is not None and (table.unit is None or table.parent is not None):
        raise section.wrong("unit_limit needs a unit, and is for tables without a parent")
    if table.parent is None:
        own += [name for name in (table.partition, table.year) if name]
    _known(section, "the table", own, table.schema)
    if table.latest:
        _check_latest(section, table, table.latest)
    if not table.sort:
        raise section.wrong("sort must name columns")
    licences = {licence.get("name") for licence in register.licences}
    for field in table.schema.fields:
        published = not field.descriptor.get("extractOnly")
        if published and licences and field.licence not in licences:
            raise section.wrong(f"{field.name}: licences has no {field.licence}")


def _known(section: Section, what: str, names: Iterable[str], schema: TableSchema) -> None:
    for name in names:
        if name not in schema.by_name:
            raise section.wrong(f"{what} names {name}, which is no field of the schema")


def _unique(section: Section, what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise section.wrong(f"{what} {name} is given twice")
