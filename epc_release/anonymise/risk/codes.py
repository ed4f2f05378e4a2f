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
_SPAN = 1 << 16  # whole numbers no further apart need no dictionary
_MANY = 64  # values of a column; of so few all may be taken to be there


@dataclass(frozen=True)
class Coded:
    """One code per row, each below ``size``."""

    codes: Words
    size: int


def encode(series: pl.Series) -> Coded:
    """Codes of a column of any flat type, in no particular order."""
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.to_physical()
    if series.dtype.is_integer():
        low, high = series.min(), series.max()
        if isinstance(low, int) and isinstance(high, int) and high - low < _SPAN:
            return _offsets(series, low, high)
    codes, values = _dictionary(series)
    return Coded(codes.astype(np.uint64), len(values) + 1)


def ranks(series: pl.Series) -> tuple[Coded, pl.Series]:
    """Codes that are ranks in the column's sorted distinct values, and these; a null comes last."""
    if series.dtype in (pl.Categorical, pl.Enum):
        codes, values = _categories(series)
    else:
        codes, dictionary = _dictionary(series)
        values = pl.Series(series.name, dictionary, dtype=series.dtype)
    order = values.arg_sort().to_numpy()
    rank = np.empty(len(values) + 1, np.uint64)
    rank[order] = np.arange(len(values), dtype=np.uint64)
    rank[-1] = len(values)
    found = values.gather(order)
    if series.null_count():
        found = pl.concat([found, pl.Series(found.name, [None], found.dtype)])
    return Coded(rank[codes], max(1, len(found))), found


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
        codes = whole.codes * np.uint64(column.size)
        codes += column.codes
        whole = Coded(codes, whole.size * column.size)
    return whole


def dense(coded: Coded) -> Coded:
    """The same with no code unused."""
    found, inverse = np.unique(coded.codes, return_inverse=True)
    return Coded(inverse.astype(np.uint64), max(1, len(found)))


def _offsets(series: pl.Series, low: int, high: int) -> Coded:
    """Whole numbers as their distance from the lowest."""
    size = high - low + 2
    codes: Words = series.fill_null(high).to_numpy().astype(np.uint64)
    codes -= np.uint64(low % _ROOM)  # modulo 2**64, so that it may be negative
    if size > _MANY:  # few of a code list's values stand in one group of partitions
        there = np.bincount(codes.view(np.int64), minlength=size) > 0
        codes = (np.cumsum(there, dtype=np.uint64) - there)[codes]
        size = int(there.sum()) + 1
    if series.null_count():
        codes[series.is_null().to_numpy()] = size - 1
    return Coded(codes, size)


def numpy_of(array: pa.Array[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    """The numbers of an array without nulls, not copied; ``Array.to_numpy`` would import pandas."""
    data: Any = array.buffers()[1]
    if data is None:
        return np.zeros(0, kind)
    start = array.offset * np.dtype(kind).itemsize
    return np.frombuffer(data, kind, len(array), start)


def _categories(series: pl.Series) -> tuple[npt.NDArray[np.int32], pl.Series]:
    """The same as ``_dictionary`` of a column of categories, and these as text."""
    values = series.drop_nulls().unique()
    physical = values.to_physical().to_numpy()
    none = int(physical.max(initial=0)) + 1
    places = np.full(none + 1, len(values), np.int32)
    places[physical] = np.arange(len(values), dtype=np.int32)
    return places[series.to_physical().fill_null(none).to_numpy()], values.cast(pl.String)


def _dictionary(series: pl.Series) -> tuple[npt.NDArray[np.int32], Any]:
    """Place of each row's value in the distinct values (after them for a null), and these."""
    if series.dtype.is_float():
        zero = pl.when(pl.first() == 0).then(0.0).otherwise(pl.first())  # it may have a sign
        series = series.to_frame().select(zero.alias(series.name)).to_series()
    if series.dtype == pl.Null:
        series = series.cast(pl.Boolean)
    array: pa.Array[Any] = series.to_arrow(compat_level=pl.CompatLevel.newest())
    coded: Any = array.dictionary_encode()
    places, values = coded.indices, coded.dictionary
    if places.null_count:
        places = places.fill_null(len(values))
    return numpy_of(places, np.int32), values
