"""What a column's published values look like as a whole: how many are missing, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from epc_release.manifests.layout import UNKNOWN_YEAR


@dataclass(frozen=True)
class Presence:
    """One column of some rows: missing cells, and the least year in which it has a value."""

    missing: int
    first_year: str | None

    def __add__(self, other: Presence) -> Presence:
        years = [year for year in (self.first_year, other.first_year) if year is not None]
        return Presence(self.missing + other.missing, min(years, default=None))


def presence(rows: pl.DataFrame, years: pl.Series, names: Sequence[str]) -> dict[str, Presence]:
    """By column of ``names``; ``years`` (String) are the labels of the rows' years."""
    known = years.set(years == UNKNOWN_YEAR, None).cast(pl.Int32)
    whole = _least(known)
    found = {}
    for name in names:
        column = rows.get_column(name)
        missing = column.null_count()
        first = _least(known.filter(column.is_not_null())) if missing else whole
        found[name] = Presence(missing, first)
    return found


def _least(years: pl.Series) -> str | None:
    year = years.min()
    return f"{year:04d}" if isinstance(year, int) else None
