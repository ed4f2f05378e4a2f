"""What a field rule did to a column, counted chunk by chunk for the private audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

MOST_DISTINCT = 1000  # values of a column that are told apart; more are "more than"

Distinct = frozenset[int] | None  # hashes of the values; None: more than are told apart


@dataclass(frozen=True)
class RuleTally:
    """``rows`` went in and out. Of cells with a value, ``changed`` came out as another one and
    ``nulls`` as none; ``before`` and ``after`` are the distinct values. ``seconds`` are of CPU."""

    rows: int
    changed: int
    nulls: int
    before: Distinct
    after: Distinct
    seconds: float

    def __add__(self, other: RuleTally) -> RuleTally:
        return RuleTally(
            self.rows + other.rows,
            self.changed + other.changed,
            self.nulls + other.nulls,
            _both(self.before, other.before),
            _both(self.after, other.after),
            self.seconds + other.seconds,
        )

    def told(self) -> dict[str, Any]:
        """For the private audit."""
        return {
            "rows_in": self.rows,
            "rows_out": self.rows,
            "changed": self.changed,
            "nulls_made": self.nulls,
            "distinct_before": _told(self.before),
            "distinct_after": _told(self.after),
            "cpu_seconds": round(self.seconds, 3),
        }


def tally(before: pl.Series | None, after: pl.Series, seconds: float = 0.0) -> RuleTally:
    """Count one chunk of a column; ``before`` is None where the input does not have it."""
    if before is None:
        none: Distinct = frozenset()
        return RuleTally(len(after), 0, 0, none, none, seconds)
    found = _distinct(before)
    if after is before or (after.dtype == before.dtype and after.equals(before, null_equal=True)):
        return RuleTally(len(after), 0, 0, found, found, seconds)
    nulls = after.null_count() - before.null_count()
    return RuleTally(len(after), _changed(before, after), nulls, found, _distinct(after), seconds)


def _changed(before: pl.Series, after: pl.Series) -> int:
    """Cells with another value; one of another type is another."""
    texts = (pl.String, pl.Categorical)
    if before.dtype in texts and after.dtype in texts:
        before, after = before.cast(pl.String), after.cast(pl.String)
    if before.dtype != after.dtype:
        return len(after) - after.null_count()
    return int((before != after).sum())


def _distinct(values: pl.Series) -> Distinct:
    if values.dtype == pl.Categorical:
        distinct = _codes(values)
    elif values.head(2 * MOST_DISTINCT).n_unique() > MOST_DISTINCT:
        return None
    else:
        distinct = values.unique().drop_nulls()
    if len(distinct) > MOST_DISTINCT:
        return None
    text = distinct.cast(pl.String) if distinct.dtype == pl.Categorical else distinct
    return frozenset(text.hash())  # equal in all processes of a build


def _codes(values: pl.Series) -> pl.Series:
    """Distinct categories; much faster than ``unique`` where codes are not far apart."""
    codes = values.to_physical().drop_nulls()
    highest = codes.max()
    if not isinstance(highest, int) or highest > 4 * len(values):
        return values.unique().drop_nulls()
    seen = np.zeros(highest + 1, np.bool_)
    seen[codes.to_numpy()] = True
    return pl.Series(np.flatnonzero(seen)).cast(codes.dtype).cat.to(values.dtype)


def _both(one: Distinct, other: Distinct) -> Distinct:
    if one is None or other is None:
        return None
    whole = one | other
    return whole if len(whole) <= MOST_DISTINCT else None


def _told(distinct: Distinct) -> int | str:
    return f"more than {MOST_DISTINCT}" if distinct is None else len(distinct)
