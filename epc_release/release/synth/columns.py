"""The ways in which the cells of a column come about, each as one small class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np
import polars as pl

from epc_release.release.synth.cells import Cells, words
from epc_release.release.synth.entropy import (
    SLOTS,
    Codes,
    Ids,
    Ranks,
    ranks,
    salt,
    scattered,
)
from epc_release.release.synth.keys import key_texts
from epc_release.release.synth.lexicon import RankTable
from epc_release.release.synth.places import Places


@dataclass
class Chunk:
    """The rows of one table that are made together, column by column.

    ``scopes`` and ``latents`` have one number for each row; ``records`` and ``items`` are set for
    the rows of a child (codes of its list of records, number within the parent).
    """

    size: int
    rng: np.random.Generator
    scopes: Mapping[str, Ids]
    latents: Mapping[str, Ranks] = field(default_factory=dict)
    records: Codes | None = None
    items: Codes | None = None
    cells: dict[str, Cells] = field(default_factory=dict)


class Column(Protocol):
    """Makes the cells of one column. ``words`` are known beforehand, or None."""

    @property
    def words(self) -> pl.Series | None: ...

    def draw(self, chunk: Chunk) -> Cells: ...


@dataclass(frozen=True)
class Drawn:
    """Cells drawn from a table of ranks: per row, or fixed by a scope's identity.

    ``case_of`` gives the case for each code of the ``given`` column (the last one for all above).
    """

    table: RankTable
    scope: str
    key: np.uint64
    links: tuple[tuple[str, float], ...] = ()
    given: str | None = None
    case_of: Codes | None = None

    @property
    def words(self) -> pl.Series:
        return self.table.words

    def draw(self, chunk: Chunk) -> Cells:
        rank = self._ranks(chunk).astype(np.uint32)
        if self.given is not None and self.case_of is not None:
            codes = chunk.cells[self.given].codes
            rank += self.case_of[np.minimum(codes, len(self.case_of) - 1)] * np.uint32(SLOTS)
        return Cells(self.table.words, self.table.slots[rank])

    def _ranks(self, chunk: Chunk) -> Ranks:
        if self.scope != "certificate":
            return ranks(chunk.scopes[self.scope], self.key)
        rank = chunk.rng.integers(0, SLOTS, chunk.size, dtype=np.uint16)
        if self.links:
            coin = chunk.rng.random(chunk.size, dtype=np.float32)
            upto = 0.0
            for latent, strength in self.links:
                chosen = (coin >= upto) & (coin < upto + abs(strength))
                shared = chunk.latents[latent][chosen]
                rank[chosen] = shared if strength > 0 else np.uint16(SLOTS - 1) - shared
                upto += abs(strength)
        return rank


@dataclass(frozen=True)
class Lagged:
    """Days before (or, negative, after) another date column that shares the list of days."""

    of: str
    words: pl.Series
    lags: RankTable

    def draw(self, chunk: Chunk) -> Cells:
        codes = chunk.cells[self.of].codes.astype(np.int64)
        codes[codes >= len(self.words)] = len(self.words) // 2
        days = self.lags.words.cast(pl.Int64).to_numpy()
        rank = chunk.rng.integers(0, SLOTS, chunk.size, dtype=np.uint16)
        codes -= days[self.lags.slots[rank]]
        return Cells(self.words, np.clip(codes, 0, len(self.words) - 1).astype(np.uint32))


@dataclass(frozen=True)
class Moment:
    """A time on the day of a date column; a share has no time."""

    of: str
    date_only: float
    words: None = None

    def draw(self, chunk: Chunk) -> Cells:
        seconds = chunk.rng.normal(13.5 * 3600, 2.8 * 3600, chunk.size)
        codes = np.clip(seconds, 0, 86399).astype(np.uint32)
        codes[chunk.rng.random(chunk.size, dtype=np.float32) < self.date_only] = 86400
        times = Cells(_times(), codes).texts()
        return Cells.of(joined([chunk.cells[self.of].texts(), times], " "))


@dataclass(frozen=True)
class Band:
    """The band of a score, as the register's schema derives it; none where there is no number."""

    of: str
    words: pl.Series
    band_of: Codes

    def draw(self, chunk: Chunk) -> Cells:
        codes = np.minimum(chunk.cells[self.of].codes, len(self.band_of) - 1)
        return Cells(self.words, self.band_of[codes])


@dataclass(frozen=True)
class Join:
    """Other columns' texts, those that are there, with a separator."""

    of: tuple[str, ...]
    separator: str
    words: None = None

    def draw(self, chunk: Chunk) -> Cells:
        return Cells.of(joined([chunk.cells[name].texts() for name in self.of], self.separator))


@dataclass(frozen=True)
class Key:
    """The key of the row's certificate, in one of the styles of ``keys``."""

    style: str
    number: int
    key: np.uint64
    offset: int = 0
    words: None = None

    def draw(self, chunk: Chunk) -> Cells:
        return Cells.of(self.texts(chunk.scopes["certificate"]))

    def texts(self, certificates: Ids) -> pl.Series:
        """The keys of these certificates; ``offset`` leads to keys of other documents."""
        ids = (certificates + np.uint64(self.offset)) * np.uint64(8) + np.uint64(self.number)
        return key_texts(ids, self.style, self.key)


@dataclass(frozen=True)
class Serial:
    """A number of its own for each identity of a scope, after a prefix."""

    scope: str
    prefix: str
    digits: int
    number: int
    words: None = None

    def draw(self, chunk: Chunk) -> Cells:
        ids = chunk.scopes[self.scope] * np.uint64(8) + np.uint64(self.number)
        numbers = pl.Series(scattered(ids, self.digits, salt(self.scope)))
        texts = numbers.cast(pl.String).str.zfill(self.digits)
        return Cells.of(joined([words([self.prefix]).new_from_index(0, chunk.size), texts], ""))


@dataclass(frozen=True)
class Place:
    """An attribute of the row's place."""

    words: pl.Series

    def draw(self, chunk: Chunk) -> Cells:
        return Cells(self.words, chunk.scopes["place"].astype(np.uint32))


@dataclass(frozen=True)
class Postcode:
    """The row's invented postcode."""

    places: Places
    words: None = None

    def draw(self, chunk: Chunk) -> Cells:
        return Cells.of(self.places.postcode_texts(chunk.scopes["postcode"]))


@dataclass(frozen=True)
class Recorded:
    """One column of the row's record (of a child)."""

    words: pl.Series

    def draw(self, chunk: Chunk) -> Cells:
        codes = np.zeros(chunk.size, np.uint32) if chunk.records is None else chunk.records
        return Cells(self.words, codes)


@dataclass(frozen=True)
class Item:
    """The running number of the row within its parent, from 1."""

    words: pl.Series

    def draw(self, chunk: Chunk) -> Cells:
        codes = np.zeros(chunk.size, np.uint32) if chunk.items is None else chunk.items
        return Cells(self.words, codes)


@dataclass(frozen=True)
class Blemished:
    """Another column, with odd texts in a share of its rows."""

    column: Column
    texts: tuple[tuple[str | None, float], ...]

    @property
    def words(self) -> pl.Series | None:
        return self.column.words

    def draw(self, chunk: Chunk) -> Cells:
        cells = self.column.draw(chunk)
        for text, share in self.texts:
            count = chunk.rng.binomial(chunk.size, share)
            rows = chunk.rng.integers(0, chunk.size, count)
            cells = cells.put(rows, [text] * count)
        return cells


def joined(texts: Sequence[pl.Series], separator: str) -> pl.Series:
    """The texts of each row after one another; empty cells leave no separator."""
    return pl.select(pl.concat_str(*texts, separator=separator, ignore_nulls=True)).to_series()


@cache
def _times() -> pl.Series:
    """The seconds of a day, and no time."""
    clock = [f"{h:02}:{m:02}:{s:02}" for h in range(24) for m in range(60) for s in range(60)]
    return words([*clock, None])
