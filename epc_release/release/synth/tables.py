"""The rows of a table, chunk by chunk: parents by their layout, children after their parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from epc_release.release.synth.canaries import Planter
from epc_release.release.synth.cells import Cells
from epc_release.release.synth.columns import Chunk, Column
from epc_release.release.synth.compile import KEY_OFFSETS
from epc_release.release.synth.entropy import SLOTS, Codes, Ids, Ranks, generator, ranks, salt
from epc_release.release.synth.layout import Layout, Rows
from epc_release.release.synth.lexicon import RankTable
from epc_release.release.synth.population import Population
from epc_release.release.synth.spec import CaseSpec, ColumnSpec, TableSpec

_NO_COLUMN = ColumnSpec("record", 0)


@dataclass(frozen=True)
class TableMaker:
    """Makes frames of one table: one row per record, polars String columns named by ``header``,
    (spelling, our name) pairs in the order of the file; null is an empty cell.
    """

    seed: int
    spec: TableSpec
    year: str | None
    header: tuple[tuple[str, str], ...]
    columns: Mapping[str, Column]
    planter: Planter
    unreadable: Sequence[str | None]

    def _finish(self, chunk: Chunk, copies: Rows, copied: Rows) -> pl.DataFrame:
        if len(copies):
            for name, cells in chunk.cells.items():
                chunk.cells[name] = cells.repeated(copies, copied)
        return pl.DataFrame(
            [chunk.cells[name].texts().alias(spelling) for spelling, name in self.header]
        )

    def _plant(self, name: str, cells: Cells, canaries: Rows, excluded: Rows) -> Cells:
        spec = self.spec.columns.get(name, _NO_COLUMN)
        cells = self.planter.plant(name, spec, cells, canaries, excluded=False)
        return self.planter.plant(name, spec, cells, excluded, excluded=True)


@dataclass(frozen=True)
class ParentMaker(TableMaker):
    """Makes certificates."""

    population: Population
    cases: Sequence[CaseSpec]

    def frame(self, layout: Layout) -> pl.DataFrame:
        """The rows of one layout."""
        first, size = int(layout.certificates[0]), len(layout.certificates)
        alone = {int(row): number for number, row in enumerate(layout.planted)}
        rng = generator(self.seed, self.spec.name, "cells", first)
        scopes = self.population.scopes(layout.certificates, alone)
        latents = {
            name: self._latent(name, scope, scopes, rng)
            for name, scope in self.spec.latents.items()
        }
        chunk = Chunk(size, rng, scopes, latents)
        for name, column in self.columns.items():
            cells = self._block_values(name, column.draw(chunk), scopes["block"])
            cells = self._plant(name, cells, layout.canaries, layout.excluded_canaries)
            chunk.cells[name] = self._cases(name, cells, layout)
        return self._finish(chunk, layout.copies, layout.copied)

    def _latent(
        self, name: str, scope: str, scopes: Mapping[str, Ids], rng: np.random.Generator
    ) -> Ranks:
        if scope == "certificate":
            return rng.integers(0, SLOTS, len(scopes[scope]), dtype=np.uint16)
        return ranks(scopes[scope], salt(self.seed, self.spec.name, "latent", name))

    def _block_values(self, name: str, cells: Cells, block: Ids) -> Cells:
        value = self.spec.blocks.get("values", {}).get(name)
        rows = np.flatnonzero(block)
        return cells if value is None else cells.put(rows, [value] * len(rows))

    def _cases(self, name: str, cells: Cells, layout: Layout) -> Cells:
        for case in self.cases:
            if texts := case.values.get(name):
                cells = cells.put(layout.cases[case.name], _cycled(texts, layout.cases[case.name]))
        if name == self.year:
            cells = cells.put(layout.unreadable, _cycled(self.unreadable, layout.unreadable))
        return cells


@dataclass(frozen=True)
class ChildMaker(TableMaker):
    """Makes the recommendations of certificates."""

    counts: RankTable
    records: RankTable
    duplicates: float

    def frame(self, layout: Layout) -> pl.DataFrame:
        """The rows of the certificates of one layout, and a share of orphans after them."""
        first = int(layout.certificates[0])
        rng = generator(self.seed, self.spec.name, "cells", first)
        parents = layout.owners
        counts = _numbers(self.counts, rng, len(parents)).astype(np.int64)
        counts[np.isin(parents, layout.planted)] = 2
        certificates = np.repeat(layout.certificates[parents], counts)
        orphans = rng.binomial(len(certificates), self.spec.orphans)
        orphans = max(orphans, 2) if first == 0 and len(certificates) else orphans
        beyond = np.arange(first, first + orphans, dtype=np.uint64)
        beyond += np.uint64(KEY_OFFSETS["orphan"])
        items = np.arange(len(certificates)) - np.repeat(np.cumsum(counts) - counts, counts)
        chunk = Chunk(
            size=len(certificates) + orphans,
            rng=rng,
            scopes={"certificate": np.concatenate([certificates, beyond])},
            records=_numbers(self.records, rng, len(certificates) + orphans),
            items=np.concatenate([items, np.zeros(orphans)]).astype(np.uint32),
        )
        owners = np.concatenate([np.repeat(parents, counts), np.full(orphans, -1)])
        return self._rows(chunk, owners, layout)

    def _rows(self, chunk: Chunk, owners: Rows, layout: Layout) -> pl.DataFrame:
        canaries = np.flatnonzero(np.isin(owners, layout.canaries))
        excluded = np.flatnonzero(np.isin(owners, layout.excluded_canaries))
        for name, column in self.columns.items():
            chunk.cells[name] = self._plant(name, column.draw(chunk), canaries, excluded)
        usual = np.flatnonzero(~np.isin(owners, layout.planted))
        count = chunk.rng.binomial(len(usual) // 2, self.duplicates) if len(usual) > 1 else 0
        chosen = chunk.rng.choice(usual, 2 * count, replace=False)
        return self._finish(chunk, chosen[:count], chosen[count:])


def _numbers(table: RankTable, rng: np.random.Generator, size: int) -> Codes:
    """Draws from a table whose words are numbers."""
    words = table.words.cast(pl.UInt32).to_numpy()
    drawn = words[table.slots[rng.integers(0, SLOTS, size, dtype=np.uint16)]]
    return np.asarray(drawn, dtype=np.uint32)


def _cycled(texts: Sequence[str | None], rows: Rows) -> list[str | None]:
    return [texts[i % len(texts)] for i in range(len(rows))]
