"""Dialects that a user gives beside those of a register: for files that spell it another way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from epc_release.schemas.dialect import read_dialect
from epc_release.schemas.register import Register, TableDialect
from epc_release.schemas.section import read_section


def with_dialects(register: Register, files: Sequence[Path]) -> Register:
    """The register with the dialects of ``files`` too, each for the tables that it names.

    Where such a dialect reads a header, it counts before those of the register. Raises E121 for a
    file that cannot be read, contradicts the register, names no table, or has a taken name.
    """
    found = register
    for file in files:
        given = _read(found, file)
        found = replace(found, dialects=(*found.dialects, *given))
    return found


def _read(register: Register, file: Path) -> tuple[TableDialect, ...]:
    section = read_section(file, str(file))
    tables = section.section("tables").values
    if not tables:
        raise section.wrong("tables: it must say how at least one table is spelled")
    found = read_dialect(section, register.tables)
    name = section.text("name")
    if name in {dialect.dialect for dialect in register.dialects}:
        raise section.wrong(f"name: there is a dialect {name} already, give it another")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return tuple(replace(each, given=sha256) for each in found if each.table in tables)
