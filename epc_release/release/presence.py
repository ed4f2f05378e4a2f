"""What a column's published values look like as a whole: how many are missing, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from epc_release.manifests.layout import UNKNOWN_YEAR
from epc_release.release.write.fragments import Run


@dataclass(frozen=True)
class Presence:
    """One column of some rows: missing cells, and the least year in which it has a value."""

    missing: int
    first_year: str | None

    def __add__(self, other: Presence) -> Presence:
        years = [year for year in (self.first_year, other.first_year) if year is not None]
        return Presence(self.missing + other.missing, min(years, default=None))


def presence(
    rows: pl.DataFrame, order: pl.Series, names: Sequence[str], runs: Sequence[Run]
) -> dict[str, Presence]:
    """By column of ``names``; ``runs`` say which rows, in this ``order``, are of which year."""
    labels = [0 if run.year == UNKNOWN_YEAR else int(run.year) for run in runs]
    places = np.empty(len(rows), dtype=np.int32)
    places[order.to_numpy()] = np.repeat(labels, [run.stop - run.start for run in runs])
    years = pl.Series(places)
    years = years.set(years == 0, None)
    whole = _least(years)
    found = {}
    for name in names:
        column = rows.get_column(name)
        missing = column.null_count()
        first = _least(years.filter(column.is_not_null())) if missing else whole
        found[name] = Presence(missing, first)
    return found


def _least(years: pl.Series) -> str | None:
    year = years.drop_nulls().to_numpy()
    return f"{int(year.min()):04d}" if len(year) else None
