"""Test cases of a policy: a TOML file of made-up records and what must become of each.

::

    cutoff = 2026-03-31T23:59:59Z
    opted_out = ["0000-0000-0000-0000-0001"]
    sites = [{ uprn = "100000000001", postcode = "ZZ99 9ZZ" }]

    [defaults.domestic-certificates]     # cells that every record of the table has
    country = "England"

    [[cases]]
    name = "an opt-out of the register itself"
    table = "domestic-certificates"
    record = { opt_out = "Y" }           # cells as an extract writes them
    excluded = "opt-out"                 # the id of the rule; or:
    publishes = { lodgement_date = "2019", tenure = "" }
    never = ["12 High Street"]           # texts that no published cell may hold

A published cell is compared as text; empty text is a missing cell, ``*`` any that is not missing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from epc_release.anonymise.sites import Sites
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

KEYS = frozenset({"name", "table", "record", "excluded", "publishes", "never"})
TOP = frozenset({"cutoff", "opted_out", "sites", "defaults", "cases"})


@dataclass(frozen=True)
class Case:
    """One record: the text of its cells by column, and what is expected of it."""

    name: str
    table: str
    record: Mapping[str, str]
    excluded: str | None
    publishes: Mapping[str, str]
    never: tuple[str, ...]


@dataclass(frozen=True)
class CaseFile:
    """All cases of a file, and what they are judged at: ``cutoff`` is aware."""

    path: Path
    cutoff: datetime
    opted_out: tuple[str, ...]
    sites: Sites | None
    cases: tuple[Case, ...]


def read_cases(path: Path, register: Register) -> CaseFile:
    """Read a file of cases. Raises E157."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        _wrong(path, error.strerror or "it cannot be read")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        _wrong(path, f"it is not TOML in UTF-8 ({type(error).__name__})")
    if strange := sorted(set(values) - TOP):
        _wrong(path, f"{strange[0]} is not a key of a file of cases")
    cutoff = values.get("cutoff")
    if not isinstance(cutoff, datetime) or cutoff.tzinfo is None:
        _wrong(path, "cutoff must be a time with its zone")
    defaults = values.get("defaults", {})
    cases = tuple(_case(path, case, defaults, register) for case in values.get("cases", ()))
    if not cases:
        _wrong(path, "it has no [[cases]]")
    return CaseFile(path, cutoff, tuple(values.get("opted_out", ())), _sites(values), cases)


def _case(
    path: Path, values: Mapping[str, Any], defaults: Mapping[str, Any], register: Register
) -> Case:
    name = str(values.get("name") or _wrong(path, "a case has no name"))
    if strange := sorted(set(values) - KEYS):
        _wrong(path, f"case {name!r}: {strange[0]} is not a key of a case")
    if values.get("table") not in {table.name for table in register.tables}:
        _wrong(path, f"case {name!r}: the register has no table of that name")
    if ("excluded" in values) == bool({"publishes", "never"} & set(values)):
        _wrong(path, f"case {name!r} needs excluded, or publishes and never")
    table = register.table(values["table"])
    record = {**defaults.get(table.name, {}), **values.get("record", {})}
    publishes = values.get("publishes", {})
    for column in (*record, *publishes):
        if column not in table.schema.by_name:
            _wrong(path, f"case {name!r}: table {table.name} has no column {column}")
    return Case(
        name=name,
        table=table.name,
        record={column: str(cell) for column, cell in record.items()},
        excluded=values.get("excluded"),
        publishes={column: str(cell) for column, cell in publishes.items()},
        never=tuple(values.get("never", ())),
    )


def _sites(values: Mapping[str, Any]) -> Sites | None:
    if "sites" not in values:
        return None
    listed = {
        name: pl.Series(name, [str(site.get(name, "")) for site in values["sites"]])
        for name in ("uprn", "postcode")
    }
    postcodes = listed["postcode"].str.replace_all(r"\s", "").str.to_uppercase()
    return Sites(listed["uprn"].str.strip_chars_start("0"), postcodes)


def _wrong(path: Path, problem: str) -> NoReturn:
    raise ReleaseError("E157", file=path, problem=problem)
