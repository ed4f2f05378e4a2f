"""Starred cells of a group of partitions: published missing, since too few records are alike
or what they name is not published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.protect import AT
from epc_release.release.settle import PLACE
from epc_release.release.spill import read_range

CELL = (*PLACE, "__column")  # of an issue: its record and the position of its column


@dataclass(frozen=True)
class Stars:
    """``flags``: rows ``__at`` (UInt32, ascending), a Boolean for each column; None: no star."""

    flags: pl.DataFrame | None

    @classmethod
    def read(cls, path: Path | None) -> Stars:
        """What ``protect`` left, or nothing."""
        return cls(None if path is None else read_range(path))

    def also(self, flags: pl.DataFrame) -> Stars:
        """With further ``flags``, of other columns."""
        if self.flags is None or flags.is_empty():
            return self if flags.is_empty() else Stars(flags)
        both = self.flags.join(flags, on=AT, how="full", coalesce=True).sort(AT)
        return Stars(both.with_columns(pl.exclude(AT).fill_null(False)))

    def apply(self, rows: pl.DataFrame, positions: pl.Series | None = None) -> pl.DataFrame:
        """Rows without their starred cells; ``positions`` (ascending) where they are not all."""
        if self.flags is None:
            return rows
        at = positions if positions is not None else pl.Series(AT, range(len(rows)), pl.UInt32)
        mine = at.alias(AT).to_frame().join(self.flags, on=AT, how="left", maintain_order="left")
        names = [name for name in self.flags.columns if name in rows.columns]
        return rows.with_columns(
            pl.when(mine[name].fill_null(False)).then(None).otherwise(pl.col(name)).alias(name)
            for name in names
        )

    def without(
        self, issues: pl.DataFrame, rows: pl.DataFrame, names: Sequence[str]
    ) -> pl.DataFrame:
        """``issues`` (``CELL`` tells whose they are) but for those of starred cells.

        ``rows`` are all rows of the group, ``names`` the columns that an issue's position counts.
        """
        if self.flags is None:
            return issues
        starred = []
        for name in self.flags.columns[1:]:
            column = pl.lit(names.index(name), issues.schema["__column"]).alias("__column")
            starred.append(rows.select(PLACE)[self.flags.filter(name)[AT]].with_columns(column))
        return issues.join(pl.concat(starred), on=CELL, how="anti")
