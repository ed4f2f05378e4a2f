"""Exact codes: columns become whole numbers, several of them one number per combination.

No hash is used anywhere: two rows have the same code if and only if they have the same values. A
null is a value of its own, and so is NaN; ``-0.0`` is ``0.0``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Words: TypeAlias = npt.NDArray[np.uint64]
Numbers: TypeAlias = npt.NDArray[np.int64]

_ROOM = 1 << 64


@dataclass(frozen=True)
class Coded:
    """One code per row, each below ``size``."""

    codes: Words
    size: int


def encode(series: pl.Series) -> Coded:
    """Codes of a column of any flat type, in no particular order."""
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.to_physical()
    codes, values = _dictionary(series)
    return Coded(_nulls_to(codes, len(values)), len(values) + 1)


def ranks(series: pl.Series) -> tuple[Coded, pl.Series]:
    """Codes that are ranks in the column's sorted distinct values, and these; a null comes last."""
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    codes, values = _dictionary(series)
    order = values.arg_sort().to_numpy()
    rank = np.empty(len(values) + 1, np.uint64)
    rank[order] = np.arange(len(values), dtype=np.uint64)
    rank[-1] = len(values)
    found = values.gather(order)
    if series.null_count():
        found = pl.concat([found, pl.Series(found.name, [None], found.dtype)])
    return Coded(rank[_nulls_to(codes, len(values))], max(1, len(found))), found


def pack(columns: Iterable[Coded], rows: int) -> Coded:
    """One code per combination: mixed radix, made dense again whenever 64 bits do not hold it.

    Dense codes are fewer than rows, so with any next column they fit.
    """
    whole = Coded(np.zeros(rows, np.uint64), 1)
    for column in columns:
        if whole.size == 1:
            whole = column
            continue
        if whole.size * column.size > _ROOM:
            whole, column = dense(whole), dense(column)
        codes = whole.codes * np.uint64(column.size) + column.codes
        whole = Coded(codes, whole.size * column.size)
    return whole


def dense(coded: Coded) -> Coded:
    """The same with no code unused."""
    found, inverse = np.unique(coded.codes, return_inverse=True)
    return Coded(inverse.astype(np.uint64), max(1, len(found)))


def _dictionary(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Index of each row's value (null for a null) in the distinct values, and these."""
    if series.dtype.is_float():
        zero = pl.when(pl.first() == 0).then(0.0).otherwise(pl.first())  # it may have a sign
        series = series.to_frame().select(zero.alias(series.name)).to_series()
    if series.dtype == pl.Null:
        series = series.cast(pl.Boolean)
    array: pa.Array[Any] = series.to_arrow(compat_level=pl.CompatLevel.oldest())
    coded: Any = array.dictionary_encode()
    codes = pl.Series(coded.indices, dtype=pl.Int32)
    return codes, pl.Series(series.name, coded.dictionary, dtype=series.dtype)


def _nulls_to(codes: pl.Series, code: int) -> Words:
    found: Words = codes.fill_null(code).to_numpy().astype(np.uint64)
    return found
