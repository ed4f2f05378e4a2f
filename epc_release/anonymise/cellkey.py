"""Cell-key perturbation of counts, as the Office for National Statistics does it.

Each record has a fixed record key from 0 to 255; a cell's key is the sum of its records' keys
modulo 256. Count and cell key look up in a p-table what is added; a result below the threshold is
not told. So the same records give the same published count in every table and every release.
Source: ONS, Cell Key Perturbation user guide (method of the package cell_key_perturbation, 3.1).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

KEYS = 256  # record keys and cell keys are from 0 to 255
LARGEST, REUSED = 750, 250  # larger counts use the last rows again
PTABLES = Path(__file__).parent / "ptables"
HEADER = ("pcv", "ckey_from", "ckey_to", "pvalue")


@dataclass(frozen=True)
class PTable:
    """What is added to a count: ``rows`` are (pcv, first cell key, last cell key, pvalue)."""

    name: str
    rows: tuple[tuple[int, int, int, int], ...]
    sha256: str  # of the file

    @cached_property
    def values(self) -> npt.NDArray[np.int64]:
        """The pvalue by pcv and cell key; nothing is added to a count of 0."""
        found = np.zeros((LARGEST + 1, KEYS), np.int64)
        for pcv, first, last, pvalue in self.rows:
            found[pcv, first : last + 1] = pvalue
        return found

    def misfit(self, threshold: int, round_to: int) -> str | None:
        """Why the table does not do what a policy says of it, or None."""
        covered = np.zeros((LARGEST + 1, KEYS), np.int64)
        for pcv, first, last, _ in self.rows:
            if not (1 <= pcv <= LARGEST and 0 <= first <= last < KEYS):
                return f"pcv is from 1 to {LARGEST}, cell keys from 0 to {KEYS - 1}"
            covered[pcv, first : last + 1] += 1
        if (covered[1:] != 1).any():
            return "it does not cover each pcv and each cell key once"
        told = self.values + np.arange(LARGEST + 1)[:, None]
        if (told % round_to).any():
            return f"its counts are not multiples of {round_to}"
        if ((told > 0) & (told < threshold)).any():
            return f"it has counts below the threshold {threshold}"
        return None


def ptable_names() -> tuple[str, ...]:
    """The p-tables that come with the package."""
    return tuple(sorted(path.stem for path in PTABLES.glob("*.csv")))


def read_ptable(name: str) -> PTable:
    """The p-table of that name. Raises OSError where there is none."""
    raw = (PTABLES / f"{name}.csv").read_bytes()
    header, *rows = csv.reader(io.StringIO(raw.decode("ascii")))
    if tuple(header) != HEADER:
        raise ValueError(f"p-table {name} has other columns")
    read = tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in rows)
    return PTable(name, read, sha256(raw).hexdigest())


def perturb(cells: pl.DataFrame, ptable: PTable, threshold: int) -> pl.DataFrame:
    """Protected counts: ``cells`` with ``ckey``, ``pcv``, ``pvalue`` and ``count`` (Int64).

    Columns read: ``records`` (how many there are in the cell) and ``keys`` (the sum of their record
    keys), integers. ``count`` is missing where what would be told is below the threshold.
    """
    records = cells["records"].cast(pl.Int64).to_numpy()
    ckey = cells["keys"].cast(pl.Int64).to_numpy() % KEYS
    pcv = np.where(records <= LARGEST, records, (records - 1) % REUSED + LARGEST - REUSED + 1)
    pvalue = ptable.values[pcv, ckey]
    return _told(
        cells.with_columns(
            pl.Series("ckey", ckey), pl.Series("pcv", pcv), pl.Series("pvalue", pvalue)
        ),
        pl.Series(records + pvalue),
        threshold,
    )


def round_counts(cells: pl.DataFrame, round_to: int, threshold: int) -> pl.DataFrame:
    """Protected counts by rounding alone: ``cells`` with ``count`` (Int64), the nearest multiple of
    ``round_to``, halves up; missing where there are fewer ``records`` than the threshold."""
    records = cells["records"].cast(pl.Int64)
    near = (records * 2 + round_to) // (2 * round_to) * round_to
    return _told(cells, near.set(records < threshold, 0), threshold)


def _told(cells: pl.DataFrame, count: pl.Series, threshold: int) -> pl.DataFrame:
    """With the counts that reach the threshold (a count of 0 never does)."""
    return cells.with_columns(count.set(count < max(threshold, 1), None).alias("count"))
