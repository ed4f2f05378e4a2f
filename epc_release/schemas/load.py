"""A register from its folder: ``register.toml``, Table Schemas and dialects, checked when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.schemas.check import check_register, check_schema
from epc_release.schemas.codelist import read_codelist
from epc_release.schemas.dialect import read_dialect
from epc_release.schemas.gates import read_gates
from epc_release.schemas.register import CodeList, Latest, Register, Table, TableDialect
from epc_release.schemas.section import Section, read_section
from epc_release.schemas.table import TableSchema

TOP = ("name", "title", "default_policy", "timezone", "geography_vintage", "homepage")
LISTS = ("licences", "sources", "contributors")
TABLE_KEYS = (
    *("schema", "parent", "partition", "year", "sort", "archive", "member", "unit", "hints"),
    *("latest", "unit_limit"),
)


def register_names() -> tuple[str, ...]:
    """The registers that come with the package."""
    return tuple(sorted(f.name for f in _bundled().joinpath("registers").iterdir() if f.is_dir()))


def load_register(name_or_path: str | Path) -> Register:
    """The register of that name, or of that folder, checked as a whole.

    Raises ReleaseError E120 (no such register), E121 (its files contradict themselves or each
    other) and E128 (a code list is wrong), each naming the file.
    """
    folder, label = _folder(name_or_path)
    top = read_section(folder.joinpath("register.toml"), f"{label}/register.toml")
    top.only(*TOP, *LISTS, "codelists", "tables", "encodings", "refuse", "gates")
    tables = _tables(folder, label, top.section("tables"))
    register = Register(
        name=top.text("name"),
        title=top.text("title"),
        tables=tables,
        dialects=_dialects(folder, label, tables),
        default_policy=top.text("default_policy"),
        timezone=top.text("timezone"),
        geography_vintage=top.text("geography_vintage", ""),
        codelists=_codelists(folder, label, top.section("codelists")),
        licences=_named(top, "licences"),
        sources=_named(top, "sources"),
        contributors=_named(top, "contributors"),
        homepage=top.text("homepage", ""),
        gates=read_gates(top.section("gates"), [table.name for table in tables]),
        encodings=top.texts("encodings"),
        refuse=top.text("refuse", "build"),
    )
    check_register(top, register)
    return register


def load_codelist(name: str) -> CodeList:
    """The code list of that name that comes with the package (E128 where it is wrong)."""
    file = _bundled().joinpath("codelists", f"{name}.csv")
    return read_codelist(name, file, f"codelists/{name}.csv")


def _bundled() -> Traversable:
    return resources.files("epc_release.schemas")


def _folder(name_or_path: str | Path) -> tuple[Traversable, str]:
    """Where the register's files are, and what errors call that place."""
    if isinstance(name_or_path, str) and name_or_path in register_names():
        return _bundled().joinpath("registers", name_or_path), f"registers/{name_or_path}"
    path = Path(name_or_path)
    if not path.joinpath("register.toml").is_file():
        raise ReleaseError("E120", register=str(name_or_path), known=", ".join(register_names()))
    return path, str(path)


def _tables(folder: Traversable, label: str, section: Section) -> tuple[Table, ...]:
    """All tables, parents before their children."""
    found: dict[str, Table] = {}
    names = list(section.values)
    for name in sorted(names, key=lambda name: "parent" in section.section(name).values):
        found[name] = _table(folder, label, section.section(name), found, name)
    return tuple(sorted(found.values(), key=lambda table: table.parent is not None))


def _table(
    folder: Traversable, label: str, section: Section, before: Mapping[str, Table], name: str
) -> Table:
    section.only(*TABLE_KEYS)
    file = section.text("schema")
    schema = _schema(folder.joinpath(file), f"{label}/{file}")
    parent = _parent(section, before)
    return Table(
        name=name,
        schema=schema,
        key=_join(section, schema, parent) if parent else schema.primary_key,
        partition=parent.partition if parent else section.text("partition"),
        year=parent.year if parent else section.text("year", "") or None,
        sort=section.texts("sort"),
        archive=section.text("archive"),
        member=section.text("member"),
        parent=parent.name if parent else None,
        unit=section.text("unit", "") or None,
        unit_limit=section.count("unit_limit"),
        hints=section.texts("hints"),
        latest=_latest(section.section("latest")) if "latest" in section.values else None,
    )


def _latest(section: Section) -> Latest:
    section.only("by", "status", "order", "removes")
    return Latest(
        by=section.texts("by"),
        status=section.text("status", "") or None,
        order=section.texts("order"),
        removes=section.texts("removes"),
    )


def _parent(section: Section, before: Mapping[str, Table]) -> Table | None:
    name = section.text("parent", "")
    if not name:
        return None
    if name not in before or before[name].parent is not None:
        raise section.wrong(f"parent {name} must be a table that has no parent itself")
    for key in ("partition", "year"):
        if key in section.values:
            raise section.wrong(f"{key} is the parent's and cannot be given")
    return before[name]


def _join(section: Section, schema: TableSchema, parent: Table) -> tuple[str, ...]:
    """The child's columns that hold the parent's key: its foreign key to that table."""
    for key in schema.descriptor.get("foreignKeys", ()):
        reference = key["reference"]
        if reference.get("resource") == parent.name and tuple(reference["fields"]) == parent.key:
            return tuple(key["fields"])
    raise section.wrong(f"the schema has no foreign key to {parent.name} by {parent.key}")


def _schema(file: Traversable, label: str) -> TableSchema:
    try:
        descriptor = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError("E121", file=label, problem=f"it is no JSON: {error}") from error
    return check_schema(Section(label, "", descriptor if isinstance(descriptor, dict) else {}))


def _dialects(
    folder: Traversable, label: str, tables: tuple[Table, ...]
) -> tuple[TableDialect, ...]:
    place = folder.joinpath("dialects")
    names = sorted(file.name for file in place.iterdir()) if place.is_dir() else []
    found: list[TableDialect] = []
    for name in names:
        if name.endswith(".toml"):
            section = read_section(place.joinpath(name), f"{label}/dialects/{name}")
            found.extend(read_dialect(section, tables))
    return tuple(found)


def _codelists(folder: Traversable, label: str, section: Section) -> Mapping[str, CodeList]:
    """By column; a list of the register's own folder comes before one of the package."""
    found = {}
    for column in section.values:
        name = section.text(column)
        own = folder.joinpath("codelists", f"{name}.csv")
        found[column] = (
            read_codelist(name, own, f"{label}/codelists/{name}.csv")
            if own.is_file()
            else load_codelist(name)
        )
    return found


def _named(section: Section, key: str) -> tuple[Mapping[str, str], ...]:
    entries = section.entries(key)
    for entry in entries:
        if not isinstance(entry.get("title"), str):
            raise section.wrong(f"each of {key} must have a title")
    return entries
