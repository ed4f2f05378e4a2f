"""Digests of keys and rows: 128 bits that depend on the values alone.

They do not depend on chunks, row order, category codes, process or machine: text goes through
XXH3-128 (a published algorithm), other values through the finaliser of SplitMix64 over their bits
(Steele, Lea and Flood, 2014). A row's digest is the sum, modulo 2**64 in each half, of its cells'
digests times an odd factor for each position. Two different rows are equal with a chance of about
2**-128, so among 100 million rows a false copy is not to be expected; they are no protection
against someone who chooses values to collide, and no pseudonyms.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Final

import numpy as np
import polars as pl
import polars_hash
from numpy.typing import NDArray

H1, H2 = "h1", "h2"

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS: Final = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST_SHIFT: Final = np.uint64(31)
_SECOND_HALF: Final = np.uint64(0xDA942042E4DD58B5)
_NULLS: Final = np.array([0xD1342543DE82EF95, 0xAF251AF3B0F025B5], np.uint64)
_FEW_CODES: Final = 4096

Words = NDArray[np.uint64]
Places = NDArray[np.integer[Any]]
Halves = tuple[Words, Words]


def key_digest(values: pl.DataFrame | pl.Series, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Digest of a key: ``h1`` and ``h2`` (UInt64, never null), one row for each row.

    ``columns`` name the key's columns in order (default: all). Names do not count, so that the
    digest of a child's joining columns equals that of its parent's key; types do: text ``1`` and
    the integer 1 differ. Null equals null and nothing else. Text may be Categorical or Enum.
    """
    frame = values.to_frame() if isinstance(values, pl.Series) else values
    return _digest([frame.get_column(name) for name in columns or frame.columns], frame.height)


def row_digest(frame: pl.DataFrame) -> pl.DataFrame:
    """Digest of whole rows over all columns, in their order: ``h1`` and ``h2`` (UInt64)."""
    return _digest(frame.get_columns(), frame.height)


def coded_digest(columns: Sequence[tuple[pl.Series, Places | None]]) -> pl.DataFrame:
    """Digest of whole rows over columns of text: ``h1`` and ``h2`` (UInt64).

    A column is its texts, one per row, or distinct ones with each row's place among them. Every
    text is digested once.
    """
    halves = _text_halves(pl.concat([texts.alias("text") for texts, _ in columns]))
    digests = np.stack(halves, axis=1)  # side by side: looked up together
    first, places = columns[0]
    sums = np.zeros((first.len() if places is None else len(places), 2), np.uint64)
    cells = np.empty_like(sums)
    start = 0
    for position, (texts, places) in enumerate(columns):
        end = start + texts.len()
        found = digests[start:end] * _position_factor(position)
        # every place is there, so that "clip" only spares a check of each
        sums += found if places is None else found.take(places, axis=0, out=cells, mode="clip")
        start = end
    return pl.DataFrame({H1: sums[:, 0], H2: sums[:, 1]})


def duplicates_within(digests: pl.DataFrame) -> pl.Series:
    """Boolean: which rows have a copy among ``digests``; every copy counts, the first as well."""
    return digests.select(pl.struct(H1, H2).is_duplicated().alias("duplicate")).to_series()


def _digest(columns: Sequence[pl.Series], rows: int) -> pl.DataFrame:
    first, second = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    texts = _digests_of_texts(columns)
    for position, column in enumerate(columns):
        factor = _position_factor(position)
        found = texts.get(position)
        if found is None:
            one, two = (half * factor for half in _cells(column))
        else:
            low, halves = found
            places = _filled(column.to_physical(), low).astype(np.int64) - low
            one, two = ((half * factor)[places] for half in halves)
        if column.null_count():
            absent = column.is_null().to_numpy()
            one[absent], two[absent] = _NULLS * factor
        first += one
        second += two
    return pl.DataFrame({H1: first, H2: second})


def _digests_of_texts(columns: Sequence[pl.Series]) -> dict[int, tuple[int, Halves]]:
    """By position of a coded column: its lowest code, and the digests of the texts from it on.

    Only where these are few enough; all columns together in one go, since calls cost more than
    texts.
    """
    texts: dict[int, pl.Series] = {}
    lows: dict[int, int] = {}
    for position, column in enumerate(columns):
        found = _texts(column)
        if found is not None:
            lows[position], texts[position] = found
    if not texts:
        return {}
    one, two = _text_halves(pl.concat([text.alias("text") for text in texts.values()]))
    ends = accumulate(text.len() for text in texts.values())
    return {
        position: (lows[position], (one[end - text.len() : end], two[end - text.len() : end]))
        for (position, text), end in zip(texts.items(), ends, strict=True)
    }


def _texts(column: pl.Series) -> tuple[int, pl.Series] | None:
    """The lowest code and the texts from it on; None for plain columns and codes too far apart."""
    if isinstance(column.dtype, pl.Enum):
        return (0, column.dtype.categories) if column.len() > column.null_count() else None
    if not isinstance(column.dtype, pl.Categorical):
        return None
    codes = column.to_physical()
    low, high = codes.min(), codes.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    if high - low >= max(column.len(), _FEW_CODES):
        return None
    every = pl.int_range(low, high + 1, eager=True).cast(codes.dtype)
    return low, every.cat.to(column.dtype).cast(pl.String)


def _cells(column: pl.Series) -> Halves:
    """Both halves of each cell's digest; what stands for a null does not matter."""
    dtype = column.dtype
    if dtype.is_float():
        bits = (_filled(column.cast(pl.Float64), 0.0) + 0.0).view(np.uint64)
    elif dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean:
        bits = _filled(column.to_physical(), 0).astype(np.int64, copy=False).view(np.uint64)
    else:
        return _text_halves(column.cast(pl.String))
    return _mix(bits), _mix(bits ^ _SECOND_HALF)


def _filled(column: pl.Series, value: float) -> NDArray[Any]:
    filled = column.fill_null(value) if column.null_count() else column
    return filled.to_numpy()


def _text_halves(text: pl.Series) -> Halves:
    column = polars_hash.col("text")
    digest = text.fill_null("").to_frame("text").select(column.nchash.xxh3_128()).to_series()
    high = digest // pl.Series([2**64], dtype=pl.UInt128)
    return (
        digest.cast(pl.UInt64, wrap_numerical=True).to_numpy(),
        high.cast(pl.UInt64).to_numpy(),
    )


def _mix(bits: Words) -> Words:
    mixed = bits + _GOLDEN
    for shift, multiplier in _ROUNDS:
        mixed ^= mixed >> shift
        mixed *= multiplier
    mixed ^= mixed >> _LAST_SHIFT
    return mixed


@cache
def _position_factor(position: int) -> np.uint64:
    """An odd factor for each position, so that cells cannot change places unseen."""
    return np.uint64(_mix(np.array([position + 1], np.uint64))[0] | np.uint64(1))
