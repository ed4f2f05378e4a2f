"""Equivalence classes as numbers: exact codes of cells, and which classes break a key set.

Codes are exact: two values never share one, so no collision can hide a risky record. A missing
value has code 0 and is a category of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from epc_release.anonymise.keysets import Sensitive

Flags = NDArray[np.bool_]
Codes = NDArray[np.unsignedinteger[Any]]
Places = NDArray[np.intp]
_MOST = 1 << 63
TOLERANCE = 1e-9  # of sums of shares, which are no exact numbers
_DENSE_CELLS = 4_000_000  # of a matrix of classes by values that is held at a time


def codes_of(values: pl.Series) -> Codes:
    """Codes (UInt64) of a column of any type: 0 where it is missing, else from 1 on."""
    known = values.cast(pl.Categorical) if values.dtype == pl.String else values
    if known.dtype.is_float():
        # -0.0 is published as 0.
        _, places = np.unique(known.fill_null(np.nan).to_numpy() + 0.0, return_inverse=True)
        numbers = places.astype(np.uint64)
    else:
        physical = known.to_physical().cast(pl.Int64)
        numbers = (physical - physical.min()).fill_null(0).to_numpy().astype(np.uint64)
    return np.where(values.is_null().to_numpy(), np.uint64(0), numbers + np.uint64(1))


def pack(columns: Sequence[Codes]) -> Codes:
    """One code (UInt64) per row for the codes of several columns, equal where all are equal."""
    packed = np.zeros(len(columns[0]), np.uint64)
    size = 1
    for codes in columns:
        width = int(codes.max(initial=0)) + 1
        if size * width >= _MOST:
            packed, size = _dense(packed)
        added = codes
        if size * width >= _MOST:
            added, width = _dense(codes)
        packed = packed * np.uint64(width) + added
        size *= width
    return packed


def _dense(codes: Codes) -> tuple[Codes, int]:
    values, places = np.unique(codes, return_inverse=True)
    return places.astype(np.uint64), len(values)


def units_of(digests: pl.Series) -> Codes:
    """Codes (UInt64) of units from their digests: 0 without one, else from 1 on.

    Two units whose digests collide count as one, which is the safe side.
    """
    _, places = np.unique(digests.fill_null(0).to_numpy(), return_inverse=True)
    return np.where(digests.is_null().to_numpy(), np.uint64(0), places.astype(np.uint64) + 1)


@dataclass(frozen=True)
class Sense:
    """A sensitive column: per row the place of its value among those of the whole table.

    ``shares``: share of the table's records of each of these values, in their order (a missing
    value first).
    """

    limits: Sensitive
    places: Places
    shares: NDArray[np.float64]

    def of(self, rows: Places) -> Sense:
        """The same column of some of the rows."""
        return Sense(self.limits, self.places[rows], self.shares)


def sense(limits: Sensitive, values: pl.Series, marginal: pl.DataFrame) -> Sense:
    """A sensitive column with its distribution over the table.

    ``marginal``: columns ``value`` (as in ``values``, text as String) and ``n`` (records); it has
    every value of ``values``.
    """
    whole = marginal.sort("value", nulls_last=False).with_row_index("place")
    places = (
        plain(values)
        .to_frame("value")
        .join(whole, on="value", how="left", nulls_equal=True, maintain_order="left")["place"]
    )
    shares = (whole["n"] / whole["n"].sum()).to_numpy()
    return Sense(limits, places.to_numpy().astype(np.intp), shares)


def plain(values: pl.Series) -> pl.Series:
    """Text as String, whatever it is held as; other values as they are."""
    return values.cast(pl.String) if values.dtype == pl.Categorical else values


def too_few(classes: int, of_row: Places, units: Codes | None, k: int) -> Flags:
    """Per class: fewer than ``k`` distinct units (0, no unit, counts as one), or rows."""
    if units is None:
        return np.bincount(of_row, minlength=classes) < k
    width = np.uint64(int(units.max(initial=0)) + 1)
    distinct = np.unique(of_row.astype(np.uint64) * width + units)
    return np.bincount((distinct // width).astype(np.intp), minlength=classes) < k


def breaks(classes: int, of_row: Places, column: Sense) -> Flags:
    """Per class: the sensitive column does not hold what its limits ask for."""
    width = np.uint64(len(column.shares))
    packed = of_row.astype(np.uint64) * width + column.places.astype(np.uint64)
    cells, counts = np.unique(packed, return_counts=True)
    place, value = (part.astype(np.intp) for part in np.divmod(cells, width))
    share = counts / np.bincount(of_row, minlength=classes)[place]
    limits, bad = column.limits, np.zeros(classes, bool)
    if limits.l is not None:
        bad |= np.bincount(place, minlength=classes) < limits.l
    if limits.entropy_l is not None:
        entropy = np.bincount(place, -share * np.log(share), minlength=classes)
        bad |= np.exp(entropy) < limits.entropy_l - TOLERANCE
    if limits.alpha is not None:
        most = np.zeros(classes)
        np.maximum.at(most, place, share)
        bad |= most > limits.alpha + TOLERANCE
    if limits.t is not None:
        far = _ordered if limits.ordered else _unordered
        bad |= far(classes, place, value, share, column.shares) > limits.t + TOLERANCE
    return bad


Shares = NDArray[np.float64]


def _unordered(classes: int, place: Places, value: Places, share: Shares, whole: Shares) -> Shares:
    """Total variation between each class and the whole table."""
    there = whole[value]
    near = np.bincount(place, np.abs(share - there), minlength=classes)
    return (near + 1 - np.bincount(place, there, minlength=classes)) / 2


def _ordered(classes: int, place: Places, value: Places, share: Shares, whole: Shares) -> Shares:
    """Earth mover's distance over equally spaced ordered values."""
    width = len(whole)
    found = np.zeros(classes)
    if width == 1:
        return found
    step = max(1, _DENSE_CELLS // width)
    for start in range(0, classes, step):
        part = slice(*np.searchsorted(place, (start, start + step)))
        matrix = np.zeros((min(step, classes - start), width))
        matrix[place[part] - start, value[part]] = share[part]
        moved = np.abs(np.cumsum(matrix - whole, axis=1)).sum(axis=1)
        found[start : start + step] = moved / (width - 1)
    return found
