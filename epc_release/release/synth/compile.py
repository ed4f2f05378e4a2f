"""From the spec of a table to its columns, in an order in which they can be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import polars as pl

from epc_release.errors import ReleaseError
from epc_release.release.synth.calendar import Calendar
from epc_release.release.synth.cells import words
from epc_release.release.synth.columns import (
    Band,
    Blemished,
    Column,
    Drawn,
    Item,
    Join,
    Key,
    Lagged,
    Moment,
    Place,
    Postcode,
    Recorded,
    Serial,
)
from epc_release.release.synth.entropy import Codes, generator, salt
from epc_release.release.synth.lexicon import (
    Overlay,
    RankTable,
    number_table,
    overlaid,
    parts_of,
    value_table,
    weighted,
)
from epc_release.release.synth.places import Places
from epc_release.release.synth.spec import ColumnSpec, Shares, SynthSpec, TableSpec
from epc_release.schemas.register import Table, TableDialect

KEY_OFFSETS = {"own": 0, "related": 300_000_000, "orphan": 500_000_000, "unknown": 700_000_000}
"""Numbers far above all certificates, for keys of documents that are not in the extract."""

_MOST_ITEMS = 20


@dataclass(frozen=True)
class Compiler:
    """Makes the columns of one table. ``number`` and ``parent`` are of the table whose keys the
    column ``key`` holds (a child's parent, else the table itself).
    """

    seed: int
    spec: SynthSpec
    table: Table
    dialect: TableDialect
    parent: str
    number: int
    places: Places
    calendar: Calendar

    def columns(self, wanted: list[str]) -> dict[str, Column]:
        """The wanted columns and what they are made from, each after those that it needs."""
        specs = self.spec.tables[self.table.name].columns
        made: dict[str, Column] = {}
        for name in _ordered(self.table.name, specs, [n for n in wanted if n in specs]):
            made[name] = self._column(name, specs[name], made)
        for name in wanted:
            made.setdefault(name, Recorded(words([None])))
        return made

    def key(self, offset: str = "own") -> Key:
        """The keys of certificates, or of documents ``offset`` from them."""
        style = self.spec.keys.get(self.dialect.dialect, "groups")
        return Key(style, self.number, salt(self.seed, self.parent, "key"), KEY_OFFSETS[offset])

    def _column(self, name: str, spec: ColumnSpec, made: Mapping[str, Column]) -> Column:
        faults = self._faults(name, spec)
        if spec.kind in ("values", "number", "date"):
            return self._drawn(name, spec, faults, made)
        column = self._composed(name, spec, made)
        return Blemished(column, faults) if faults else column

    def _composed(self, name: str, spec: ColumnSpec, made: Mapping[str, Column]) -> Column:
        payload = spec.payload
        table = self.spec.tables[self.table.name]
        match spec.kind:
            case "key":
                return self.key(payload)
            case "join":
                return Join(tuple(payload["of"]), payload["separator"])
            case "serial":
                return Serial(spec.scope, payload["prefix"], payload["digits"], self.number)
            case "place":
                return Place(self.places.attribute(payload))
            case "postcode":
                return Postcode(self.places)
            case "record":
                return Recorded(words([record[payload] or None for record in table.records]))
            case "item":
                return Item(words([str(item) for item in range(1, _MOST_ITEMS)]))
            case "moment":
                return Moment(payload["of"], payload["date_only"])
            case "lag":
                lags = value_table(*weighted(payload["days"], self._parts))
                return Lagged(payload["of"], self.calendar.lodged.words, lags)
        return self._band(name, payload, made)

    def _drawn(
        self, name: str, spec: ColumnSpec, faults: Shares, made: Mapping[str, Column]
    ) -> Column:
        tables = [self._table(spec.kind, spec.payload, spec.payload)]
        tables += [self._table(spec.kind, case, spec.payload) for case in spec.cases.values()]
        rng = generator(self.seed, self.table.name, name, "faults")
        return Drawn(
            table=overlaid(tables, Overlay(faults, spec.variants), rng),
            scope=spec.scope,
            key=salt(self.seed, self.table.name, name),
            links=spec.links,
            given=spec.given,
            case_of=self._case_of(spec, made),
        )

    def _table(self, kind: str, settings: Any, default: Any) -> RankTable:
        match kind:
            case "number":
                return number_table({**default, **settings})
            case "date":
                return self.calendar.lodged
        return value_table(*weighted(settings, self._parts, default))

    def _case_of(self, spec: ColumnSpec, made: Mapping[str, Column]) -> Codes | None:
        if spec.given is None:
            return None
        known = made[spec.given].words
        if known is None:
            raise ReleaseError("E181", register=self.spec.register, place=f"given = {spec.given}")
        cases = {text: case for case, text in enumerate(spec.cases, start=1)}
        return np.array([*(cases.get(word, 0) for word in known), 0], dtype=np.uint32)

    def _band(self, name: str, payload: str, made: Mapping[str, Column]) -> Column:
        bands = self.table.schema.by_name[name].descriptor["derive"]["bands"]
        known = made[payload].words
        scores = (pl.Series([None]) if known is None else known).cast(pl.Float64, strict=False)
        none = len(bands)
        codes = [none if score is None else _band_of(score, bands) for score in scores]
        labels = words([*(str(label) for label, _, _ in bands), None])
        return Band(payload, labels, np.array([*codes, none], dtype=np.uint32))

    def _faults(self, name: str, spec: ColumnSpec) -> Shares:
        """Odd texts, missing tokens and cells that do not parse, with their shares."""
        field = self.table.schema.by_name.get(name)
        if field is None or field.required:
            return spec.odd
        share = self.spec.faults["missing"] if spec.missing is None else spec.missing
        tokens = (*self.table.schema.missing_values(name), *self.dialect.missing.get(name, ()))
        missing = tuple((token or None, share / len(tokens)) for token in tokens if share)
        bad = self.spec.faults["unreadable"].get(field.type, [])
        unreadable = tuple((str(text), self.spec.faults["unreadable_share"]) for text in bad)
        return (*spec.odd, *missing, *unreadable)

    @cached_property
    def _parts(self) -> dict[str, tuple[str, ...]]:
        return parts_of(self.spec.parts)


def count_table(spec: TableSpec) -> RankTable:
    """How many rows of a child its parents have."""
    return value_table([str(n) for n, _ in spec.counts], [weight for _, weight in spec.counts])


def record_table(spec: TableSpec) -> RankTable:
    """Which record a row of a child is; the last entry of each is its weight."""
    weights = [float(record[-1]) for record in spec.records]
    return value_table([str(i) for i in range(len(weights))], weights)


def _ordered(table: str, specs: Mapping[str, ColumnSpec], wanted: list[str]) -> list[str]:
    graph: dict[str, tuple[str, ...]] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in graph:
            graph[name] = _needs(specs[name])
            if unknown := [need for need in graph[name] if need not in specs]:
                raise ReleaseError("E181", register=table, place=f"columns.{name}: {unknown[0]}")
            waiting += graph[name]
    try:
        return list(TopologicalSorter(dict(sorted(graph.items()))).static_order())
    except CycleError:
        raise ReleaseError("E181", register=table, place="columns that need each other") from None


def _needs(spec: ColumnSpec) -> tuple[str, ...]:
    needs = [spec.given] if spec.given else []
    if spec.kind == "band":
        needs.append(spec.payload)
    elif spec.kind in ("lag", "moment"):
        needs.append(spec.payload["of"])
    elif spec.kind == "join":
        needs += spec.payload["of"]
    return tuple(needs)


def _band_of(score: float, bands: list[list[Any]]) -> int:
    return next(i for i, (_, _, high) in enumerate(bands) if high is None or score <= high)
