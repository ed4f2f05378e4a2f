"""What ``synth.toml`` of a register says, as frozen values.

The file gives, for each table, how its columns are distributed and which faults they have; for the
register, its snapshot, places, years and the cases that no release may hold. The format is told in
``docs/synth.md``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import resources
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

KINDS = frozenset(
    {"values", "number", "date", "lag", "moment", "band", "join", "key", "serial", "place"}
    | {"postcode", "record", "item"}
)
_TRAITS = frozenset({"given", "cases", "scope", "links", "missing", "odd", "variants", "canary"})

Shares = tuple[tuple[str | None, float], ...]


@dataclass(frozen=True)
class ColumnSpec:
    """How the cells of a column come about.

    ``kind`` names the way and ``payload`` its settings. Where another column (``given``) has one of
    the values in ``cases``, those settings hold instead. ``scope`` is what keeps its value in all
    its rows (``property``, ``site``, ``postcode``, ``place``); ``links`` are (latent, strength)
    pairs that columns share, a negative strength runs the other way. ``missing`` is the share of
    missing tokens, ``odd`` are (text, share) pairs, ``variants`` (style, share).
    """

    kind: str
    payload: Any
    given: str | None = None
    cases: Mapping[str, Any] = field(default_factory=dict)
    scope: str = "certificate"
    links: tuple[tuple[str, float], ...] = ()
    missing: float | None = None
    odd: Shares = ()
    variants: tuple[tuple[str, float], ...] = ()
    canary: str = "text"


@dataclass(frozen=True)
class TableSpec:
    """One table. Parents have ``share`` (of all certificates), ``properties`` (for each
    certificate), ``blocks`` (share of rows, certificates in one, values); children have ``counts``
    ((rows of one parent, weight) pairs), ``records`` (columns..., weight) and ``orphans`` (share).
    """

    name: str
    columns: Mapping[str, ColumnSpec]
    share: float = 0.0
    properties: float = 1.0
    blocks: Mapping[str, Any] = field(default_factory=dict)
    latents: Mapping[str, str] = field(default_factory=dict)
    counts: tuple[tuple[int, float], ...] = ()
    records: tuple[tuple[Any, ...], ...] = ()
    orphans: float = 0.0


@dataclass(frozen=True)
class CaseSpec:
    """Rows that no release may hold: the record rule that keeps them out and the values that
    make it apply (of each column one, in turn). ``events`` are the ways of the suppression list.
    """

    name: str
    rule: str
    share: float
    tables: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class SynthSpec:
    """The whole file. ``faults`` has the shares of what is wrong with rows and cells.

    ``dialect`` is the one that extracts are written in where none is named.
    """

    register: str
    dialect: str
    snapshot: datetime
    floor: date
    years: Mapping[str, float]
    places: Mapping[str, Any]
    keys: Mapping[str, str]
    faults: Mapping[str, Any]
    parts: Mapping[str, Any]
    tables: Mapping[str, TableSpec]
    cases: tuple[CaseSpec, ...]


def load_spec(register: Register) -> SynthSpec:
    """The register's ``synth.toml``. Raises E180 where it has none, E181 where it is wrong."""
    path = f"schemas/registers/{register.name}/synth.toml"
    file = resources.files("epc_release").joinpath(path)
    if not file.is_file():
        raise ReleaseError("E180", register=register.name)
    return parse_spec(register, tomllib.loads(file.read_text(encoding="utf-8")))


def parse_spec(register: Register, data: Mapping[str, Any]) -> SynthSpec:
    """The spec in a parsed file. Raises E181."""
    try:
        return _parsed(register, data)
    except KeyError as error:
        raise ReleaseError("E181", register=register.name, place=error.args[0]) from None


def _parsed(register: Register, data: Mapping[str, Any]) -> SynthSpec:
    styles = data.get("styles", {})
    tables = {}
    for table in register.tables:
        if (entry := data["tables"].get(table.name)) is None:
            raise ReleaseError("E181", register=register.name, place=f"tables.{table.name}")
        tables[table.name] = _table(register.name, table.name, entry, styles)
    return SynthSpec(
        register=register.name,
        dialect=data.get("dialect", "register"),
        snapshot=data["snapshot"],
        floor=data["floor"],
        years=data["years"],
        places=data["places"],
        keys=data["keys"],
        faults=data["faults"],
        parts=data.get("parts", {}),
        tables=tables,
        cases=tuple(_case(name, entry) for name, entry in data.get("cases", {}).items()),
    )


def _table(
    register: str, name: str, entry: Mapping[str, Any], styles: Mapping[str, Any]
) -> TableSpec:
    columns = {
        column: _column(f"{register}: tables.{name}.columns.{column}", settings, styles)
        for column, settings in entry["columns"].items()
    }
    return TableSpec(
        name=name,
        columns=columns,
        share=float(entry.get("share", 0)),
        properties=float(entry.get("properties", 1)),
        blocks=entry.get("blocks", {}),
        latents=entry.get("latents", {}),
        counts=tuple((int(count), float(weight)) for count, weight in entry.get("counts", ())),
        records=tuple(tuple(record) for record in entry.get("records", ())),
        orphans=float(entry.get("orphans", 0)),
    )


def _column(place: str, settings: Mapping[str, Any], styles: Mapping[str, Any]) -> ColumnSpec:
    own = dict(settings)
    merged = {**styles.get(own.pop("like", ""), {}), **own}
    kinds = [key for key in merged if key in KINDS]
    if len(kinds) != 1 or not set(merged) <= KINDS | _TRAITS:
        raise ReleaseError("E181", register=place.split(":")[0], place=place)
    return ColumnSpec(
        kind=kinds[0],
        payload=merged[kinds[0]],
        given=merged.get("given"),
        cases=merged.get("cases", {}),
        scope=merged.get("scope", "certificate"),
        links=tuple((name, float(s)) for name, s in merged.get("links", {}).items()),
        missing=merged.get("missing"),
        odd=_pairs(merged.get("odd", ())),
        variants=tuple((str(style), float(share)) for style, share in merged.get("variants", ())),
        canary=merged.get("canary", "text"),
    )


def _pairs(entries: Sequence[Sequence[Any]]) -> Shares:
    return tuple((str(text) or None, float(share)) for text, share in entries)


def _case(name: str, entry: Mapping[str, Any]) -> CaseSpec:
    return CaseSpec(
        name=name,
        rule=entry["rule"],
        share=float(entry["share"]),
        tables=tuple(entry["tables"]),
        values={column: tuple(texts) for column, texts in entry.get("values", {}).items()},
        events=tuple(entry.get("events", ())),
    )
