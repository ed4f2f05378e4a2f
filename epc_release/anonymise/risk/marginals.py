"""How often each value of a sensitive column stands in the whole table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from epc_release.anonymise.risk.cells import Cells
from epc_release.anonymise.risk.codes import Numbers


@dataclass(frozen=True)
class Marginal:
    """``values`` (sorted, each once, a null last), the rows ``n`` of each; adds up over parts."""

    values: pl.Series
    n: Numbers

    def __add__(self, other: Marginal) -> Marginal:
        parts = [pl.DataFrame({"v": each.values, "n": each.n}) for each in (self, other)]
        both = pl.concat(parts, how="vertical_relaxed")
        found = both.group_by("v").agg(pl.col("n").sum()).sort("v", nulls_last=True)
        return Marginal(found["v"], found["n"].to_numpy())

    def places(self, values: pl.Series) -> Numbers:
        """Where these values stand among its own; raises ValueError for one that does not."""
        own = pl.DataFrame({"v": self.values}).with_row_index("place")
        asked = pl.DataFrame({"v": values.cast(self.values.dtype)})
        found = asked.join(own, on="v", how="left", nulls_equal=True, maintain_order="left")
        if found["place"].null_count():
            raise ValueError("a sensitive value is not in the marginal: add up all parts first")
        return found["place"].to_numpy().astype(np.int64)


def marginal(cells: Cells) -> dict[str, Marginal]:
    """By sensitive column, what these cells add to the whole table."""
    return {
        name: Marginal(
            cells.values[name],
            np.bincount(runs.ranks, weights=runs.n, minlength=len(cells.values[name])).astype(
                np.int64
            ),
        )
        for name, runs in cells.runs.items()
    }


def merge(one: Mapping[str, Marginal], other: Mapping[str, Marginal]) -> dict[str, Marginal]:
    """Two parts' marginals as one; columns that only one has stay."""
    both = {name: one[name] + other[name] for name in one if name in other}
    return {**one, **other, **both}
