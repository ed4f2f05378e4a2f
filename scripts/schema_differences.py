"""Where our checks and frictionless judge a cell differently on purpose, and why.

``tests/property/test_equal_to_frictionless.py`` proves each entry and that there is no other;
``docs/schema-differences.md`` is written from here by ``scripts/make-docs``.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Descriptor = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """``ours`` and ``theirs`` are what becomes of ``cell`` in a field of ``descriptor``.

    They are ``valid``, ``invalid``, or ``error`` where the tool stops. ``when`` tells which other
    cells of a field of one of these ``types`` the difference explains.
    """

    types: tuple[str, ...]
    descriptor: Descriptor
    cell: str
    ours: str
    theirs: str
    reason: str
    when: Callable[[Descriptor, str], bool] = field(default=lambda _, __: False)

    def explains(self, descriptor: Descriptor, cell: str, ours: str, theirs: str) -> bool:
        """Whether this is the reason for two other verdicts on a cell."""
        kind = descriptor.get("type", "string")
        items = descriptor.get("itemType", "string") if kind == "list" else kind
        fits = kind in self.types or items in self.types
        return fits and (ours, theirs) == (self.ours, self.theirs) and self.when(descriptor, cell)


def _has(pattern: str) -> Callable[[Descriptor, str], bool]:
    compiled = re.compile(pattern)
    return lambda _, cell: compiled.search(cell) is not None


def _lacks(pattern: str) -> Callable[[Descriptor, str], bool]:
    compiled = re.compile(pattern)
    return lambda _, cell: compiled.fullmatch(cell) is None


def _with(key: str, then: Callable[[Descriptor, str], bool]) -> Callable[[Descriptor, str], bool]:
    return lambda descriptor, cell: key in descriptor and then(descriptor, cell)


def _in_form(descriptor: Descriptor, _: str) -> bool:
    """A cell of a form of strptime."""
    return "%" in str(descriptor.get("format"))


def _by_default(descriptor: Descriptor) -> bool:
    return descriptor.get("format", "default") == "default" or descriptor.get("type") == "list"


def _depends_on_the_day(descriptor: Descriptor, cell: str) -> bool:
    if descriptor.get("format") != "any":
        return False
    days = (datetime(2000, 1, 1), datetime(2013, 12, 31))  # noqa: DTZ001
    parse = importlib.import_module("dateutil.parser").parse
    try:
        first, second = (parse(cell, default=day) for day in days)
    except ValueError:
        return True
    return bool(first != second)


def _grouped(descriptor: Descriptor, cell: str) -> bool:
    return bool(descriptor.get("groupChar")) and str(descriptor["groupChar"]) in cell


def _bounded(descriptor: Descriptor) -> bool:
    return bool({*descriptor.get("constraints", {})} - {"required", "unique"})


def _digits(descriptor: Descriptor, cell: str) -> bool:
    """More digits than float64 keeps, beside a limit."""
    digits = len(re.sub("[^0-9]", "", cell)) > 15
    return _bounded(descriptor) and (digits or re.search("[eE]-[0-9]{3}", cell) is not None)


NUMBERS = ("integer", "number")
MOMENTS = ("date", "datetime", "time")
_I, _N, _D, _T = ({"type": name} for name in ("integer", "number", "date", "time"))
_DT, _UUID, _DUR = {"type": "datetime"}, {"type": "string", "format": "uuid"}, {"type": "duration"}
_ARRAY_POINT = {"type": "geopoint", "format": "array"}
_LOOSE = {"type": "number", "bareNumber": False}
_DAYS = {"type": "date", "format": "%d/%m/%Y"}
_IN_FORM = {"type": "datetime", "format": "%Y-%m-%d %H:%M:%S"}
_SCHEMA = {"type": "object", "constraints": {"jsonSchema": {"required": ["a"]}}}
_LEAST = {"type": "datetime", "constraints": {"minimum": "2024-01-01T00:00:00"}}
_PATTERN = {"type": "string", "constraints": {"pattern": "a|b"}}
_LIST_OF = {"type": "list", "constraints": {"enum": ["a,b"]}}
_LONGEST = {"type": "duration", "constraints": {"maximum": "P1D"}}
_ONE = {"type": "array", "constraints": {"enum": [[1]]}}
_GROUPED = {"type": "number", "groupChar": ","}
_ABOVE = {"type": "number", "constraints": {"exclusiveMinimum": 0}}
_TENTH = {"type": "number", "constraints": {"maximum": 0.1}}

CELLS: tuple[Difference, ...] = (
    Difference(
        NUMBERS, _I, "1_000", "invalid", "valid",
        "the standard has no underscores in numbers; Python has", _has("_"),
    ),
    Difference(
        (*NUMBERS, "year", "yearmonth", "geopoint", *MOMENTS), _I, "٣", "invalid", "valid",
        "the digits of the standard are 0 to 9; Python takes those of every script",
        _has(r"(?![0-9])\d"),
    ),
    Difference(
        ("integer",), _I, str(2**63), "invalid", "valid",
        "the widest integer that Parquet and its readers share has 64 bits", _has("[0-9]{19}"),
    ),
    Difference(
        ("integer",), {"type": "integer", "groupChar": ","}, "1,000", "valid", "invalid",
        "the standard gives integers a groupChar (v2); frictionless ignores it", _grouped,
    ),
    Difference(
        NUMBERS, {**_I, "bareNumber": False}, "+-5", "invalid", "valid",
        "signs and points belong to the number and are not stripped",
        _with("bareNumber", _has(r"^[^0-9-]*[+.]")),
    ),
    Difference(
        ("number",), {**_LOOSE, "decimalChar": ","}, "x,-5", "invalid", "valid",
        "the decimal character belongs to the number and is not stripped",
        lambda d, cell: d.get("bareNumber") is False
        and re.search(rf"^[^0-9-]*{re.escape(d.get('decimalChar', '.'))}", cell) is not None,
    ),
    Difference(
        ("number",), _N, "NaN", "invalid", "valid",
        "NaN and infinity are no values that can be published (the standard permits them)",
        _has("(?i)nan|inf"),
    ),
    Difference(
        ("number",), _N, "1e309", "invalid", "valid",
        "float64, which Parquet and its readers share, cannot hold it", _has("[eE][+]?[0-9_]{3}"),
    ),
    Difference(
        ("number",), _GROUPED, "1,,2", "invalid", "valid",
        "group characters stand between digits, before the decimal character", _grouped,
    ),
    Difference(
        ("number",), _TENTH, "0.10000000000000000001", "valid", "invalid",
        "values and limits are compared as float64, which keeps 15 to 17 digits", _digits,
    ),
    Difference(
        ("number",), _ABOVE, "1e-400", "invalid", "valid",
        "as above: nearer to 0 than any float64", _digits,
    ),
    Difference(
        ("number",), {**_LOOSE, "constraints": {"maximum": 1}}, "£.5", "valid", "invalid",
        "the point before the first digit belongs to the number; frictionless reads 5",
        lambda d, cell: _bounded(d) and _with("bareNumber", _has(r"^[^0-9-]*[.,]"))(d, cell),
    ),
    Difference(
        ("date",), _D, "2024-2-3", "invalid", "valid",
        "dates are zero-padded (yyyy-mm-dd); strptime does not mind",
        lambda d, cell: _by_default(d) and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", cell),
    ),
    Difference(
        MOMENTS, _DAYS, "3/2/2024", "invalid", "valid",
        "a value is written as its form writes it: zero-padded, with the same spaces", _in_form,
    ),
    Difference(
        ("datetime",), _DT, "2024-02-03 10:11:12", "invalid", "valid",
        "the default form is that of XML Schema: a T, colons, two digits each, Z or an offset",
        lambda d, cell: _by_default(d)
        and not re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?", cell),
    ),
    Difference(
        ("datetime", "time"), _DT, "2024-02-03T24:00:00", "invalid", "valid",
        "midnight has one spelling, the first of its day", _has("24:00:00"),
    ),
    Difference(
        ("datetime",), _LEAST, "2024-02-03T10:11:12Z", "valid", "error",
        "a timestamp with an offset is compared in local time; frictionless cannot compare it",
        lambda d, _: _bounded(d),
    ),
    Difference(
        ("datetime",), {"type": "datetime", "constraints": {"maximum": "2024-01-01T00:00:00"}},
        "2024-02-03T10:11:12Z", "invalid", "error",
        "as above, where the value breaks the limit", lambda d, _: _bounded(d),
    ),
    Difference(
        ("datetime",), _DT, "0001-01-01T00:00:00+01:00", "invalid", "valid",
        "in local time it lies outside the years 1 to 9999", _has("^(0001|9999)"),
    ),
    Difference(
        ("time",), _T, "10:11:12.5Z", "invalid", "valid",
        "the default form is hh:mm:ss, without fraction or offset",
        lambda d, cell: _by_default(d) and not re.fullmatch("[0-9]{2}(:[0-9]{2}){2}", cell),
    ),
    Difference(
        ("date", "datetime"), {"type": "date", "format": "any"}, "February", "invalid", "valid",
        "what a text leaves out would be taken from the day on which it is read",
        _depends_on_the_day,
    ),
    Difference(
        ("datetime", "time"), {"type": "datetime", "format": "any"}, "2024-02-03T10:11:12+99:00",
        "invalid", "valid", "an offset is less than a day", _has("[+-]99"),
    ),
    Difference(
        ("date",), {"type": "date", "format": "%Y-%m-%d %H:%M"}, "2024-02-03 10:30",
        "invalid", "valid", "a date has no time of day; frictionless drops it", _in_form,
    ),
    Difference(
        ("year",), {"type": "year"}, "+202", "invalid", "valid",
        "a year has four digits and nothing else", _lacks("[0-9]{4}"),
    ),
    Difference(
        ("yearmonth",), {"type": "yearmonth"}, "2024-1", "invalid", "valid",
        "the form is YYYY-MM, zero-padded", _lacks("[0-9]{4}-[0-9]{2}"),
    ),
    Difference(
        ("duration",), _DUR, "+P1W", "invalid", "valid",
        "the form is that of XML Schema: no plus, weeks, alternative forms or empty T; a fraction, "
        "with a point, of the seconds alone",
        _lacks(r"-?P([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T(?=.)([0-9]+H)?([0-9]+M)?([0-9.]+S)?)?"),
    ),
    Difference(
        ("duration",), _DUR, "P9999999999D", "valid", "invalid",
        "the standard has no longest duration; Python's timedelta has", _has("[0-9]{5}"),
    ),
    Difference(
        ("duration",), _LONGEST, "P2D", "invalid", "error",
        "the standard gives durations limits; frictionless refuses such a schema",
    ),
    Difference(
        ("string",), _UUID, "{12345678123456781234567812345678}", "invalid", "valid",
        "a UUID is written 8-4-4-4-12 (RFC 9562)",
        lambda d, cell: d.get("format") == "uuid"
        and not re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", cell),
    ),
    Difference(
        ("string",), {"type": "string", "format": "binary"}, "a*b*c*d", "invalid", "valid",
        "base64 has its alphabet and nothing between (RFC 4648); Python skips anything else",
        lambda d, cell: d.get("format") == "binary"
        and not re.fullmatch("(?:[A-Za-z0-9+/]{4})*", cell),
    ),
    Difference(
        ("string",), _PATTERN, "ac", "invalid", "valid",
        "a pattern matches the whole value (XML Schema), each alternative too",
        lambda d, _: "|" in d.get("constraints", {}).get("pattern", ""),
    ),
    Difference(
        ("string",), {"type": "string", "constraints": {"pattern": "[ab]"}}, "a\n",
        "invalid", "valid", "a line break at the end is part of the value",
        lambda d, cell: "pattern" in d.get("constraints", {}) and cell.endswith("\n"),
    ),
    Difference(
        ("object", "array", "geojson"), {"type": "array"}, "[NaN]", "invalid", "valid",
        "JSON has no NaN and no Infinity (RFC 8259)", _has("NaN|Infinity"),
    ),
    Difference(
        ("object", "array", "geojson"), _ONE, "[true]", "invalid", "valid",
        "true is not 1, nor false 0",
        lambda d, cell: "enum" in d.get("constraints", {}) and _has("true|false")(d, cell),
    ),
    Difference(
        ("geopoint",), _ARRAY_POINT, '["90", "45"]', "invalid", "valid",
        "the items are numbers of JSON, in a list or under lon and lat; not texts or booleans",
        lambda d, _: d.get("format") in ("array", "object"),
    ),
    Difference(
        ("geopoint",), {"type": "geopoint"}, "9_0,45", "invalid", "valid",
        "the numbers are written as the standard writes them", _has("_"),
    ),
    Difference(
        ("list",), _LIST_OF, "a,c", "invalid", "error",
        "the standard gives every type an enum; frictionless refuses it for lists",
    ),
    Difference(
        ("object", "array"), _SCHEMA, "{}", "invalid", "error",
        "the standard has jsonSchema (v2); frictionless refuses such a schema",
    ),
    Difference(
        ("string", "integer"), {"type": "string", "categories": ["a"]}, "b", "invalid", "valid",
        "categories close the list of values (v2); frictionless ignores them",
        lambda d, _: "categories" in d,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class TableDifference:
    """The same for the rows of a table: which rows (from 1) each finds wrong."""

    schema: Descriptor
    rows: tuple[tuple[str, ...], ...]
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    reason: str


def _schema(*names: str, **keys: Any) -> Descriptor:
    return {"fields": [{"name": name, "type": "string"} for name in names], **keys}


_SELF = [{"fields": ["b"], "reference": {"resource": "", "fields": ["a"]}}]
_PAIR = [{"fields": ["c", "d"], "reference": {"resource": "", "fields": ["a", "b"]}}]

TABLES: tuple[TableDifference, ...] = (
    TableDifference(
        _schema("a", "b", primaryKey=["a"]),
        (("x", "1"), ("y", "2"), ("x", "3")), (1, 3), (3,),
        "which copy of a conflicting key is right cannot be known: all of them are errors",
    ),
    TableDifference(
        {"fields": [{"name": "a", "constraints": {"unique": True}}, {"name": "b"}]},
        (("x", "1"), ("x", "2")), (1, 2), (2,),
        "the same for the constraint unique",
    ),
    TableDifference(
        _schema("a", "b", primaryKey=["a", "b"]),
        (("x", ""), ("x", "1")), (1,), (),
        "no part of a primary key may be missing (SQL); frictionless minds only if all are",
    ),
    TableDifference(
        _schema("a", "b", uniqueKeys=[["a", "b"]]),
        (("x", "1"), ("x", "1"), ("x", ""), ("x", "")), (1, 2), (),
        "uniqueKeys (v2) are checked, as SQL does: a missing part takes the row out",
    ),
    TableDifference(
        _schema("a", "b", "c", "d", foreignKeys=_PAIR),
        (("x", "1", "x", ""), ("y", "2", "y", "2")), (), (1,),
        "a foreign key with a missing part refers to nothing (SQL, MATCH SIMPLE)",
    ),
)  # fmt: skip


def page() -> str:
    """docs/schema-differences.md."""
    cells = [
        f"| {_code(_field(one.descriptor))} | {_code(one.cell)} "
        f"| {one.ours} | {one.theirs} | {one.reason} |"
        for one in CELLS
    ]
    tables = [
        f"| {_code(json.dumps(_keys(one.schema)))} | {_code(_rows(one.rows))} "
        f"| {_numbers(one.ours)} | {_numbers(one.theirs)} | {one.reason} |"
        for one in TABLES
    ]
    return "\n".join(
        [
            "# Where our checks differ from frictionless, and why",
            "",
            "A cell that is judged exactly (`epc-release check`) has the verdict that frictionless",
            "5.21 gives it, but for what stands here: the standard wins where frictionless departs",
            "from it, and what could not be published as data is an error. A property test",
            "(`tests/property/test_equal_to_frictionless.py`) compares both on generated schemas",
            "and cells, proves every line below, and fails on a difference that has none.",
            "Written by `scripts/make-docs` from `scripts/schema_differences.py`.",
            "",
            "## Cells",
            "",
            "| field | cell | ours | frictionless | reason |",
            "|---|---|---|---|---|",
            *cells,
            "",
            "## Rows and keys",
            "",
            "| schema | rows | wrong for us | wrong for frictionless | reason |",
            "|---|---|---|---|---|",
            *tables,
            "",
        ]
    )


def _field(descriptor: Descriptor) -> str:
    return json.dumps(descriptor, ensure_ascii=False)


def _keys(schema: Descriptor) -> Descriptor:
    found = {key: value for key, value in schema.items() if key != "fields"}
    return found or schema["fields"][0]


def _rows(rows: tuple[tuple[str, ...], ...]) -> str:
    return "; ".join(",".join(row) for row in rows)


def _numbers(rows: tuple[int, ...]) -> str:
    return ", ".join(map(str, rows)) or "none"


def _code(text: str) -> str:
    shown = text.replace("|", "\\|").replace("\n", "⏎")
    return f"`{shown}`"
