"""A column's values as whole numbers, batch after batch; equal values, and only they, are equal.

Three ways. ``Dictionary``: each distinct value gets the next number. ``Whole``: whole numbers stand
for themselves. ``Digest``: 128 bits, for what has too many distinct values to be remembered.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from epc_release.anonymise.risk.codes import Coded, numpy_of
from epc_release.schemas.checks.keys import key_digest

Word: TypeAlias = npt.NDArray[Any]
Words: TypeAlias = tuple[Word, ...]

FULL: Final = 1 << 64
WHOLE: Final = {"whole number", "moment"}  # families that ``Whole`` can take
_NULL: Final = -(1 << 63)  # what stands for a missing whole number
_NAN: Final = float("nan")  # one object, so that it is found again


class TooManyValues(Exception):  # noqa: N818  (a column's way is changed, nothing is wrong)
    """The slot cannot be coded in this way."""

    def __init__(self, slot: str) -> None:
        super().__init__(slot)
        self.slot = slot


class Coder(Protocol):
    """``add`` codes the next batch of a slot in ``width`` arrays, which ``coded`` understands."""

    width: int

    def add(self, arrays: Sequence[Any], *, empty: bool) -> Words:
        """``empty``: an empty text is a missing value."""
        ...

    def coded(self, words: Words) -> list[Coded]:
        """When all batches are added: the same as codes with their sizes."""
        ...


class Dictionary:
    """``values``: each number's value, of which 0 is a missing one; ``counts`` the rows of each."""

    width = 1

    def __init__(self, slot: str, limit: int, *, count: bool) -> None:
        self.slot, self.limit, self.count = slot, limit, count
        self.codes: dict[Hashable, int] = {None: 0}
        self.counts = np.zeros(1, np.int64)
        self._last: tuple[Any, bool, Word] | None = None

    @property
    def values(self) -> list[Any]:
        return list(self.codes)

    def add(self, arrays: Sequence[Any], *, empty: bool) -> Words:
        array: Any = arrays[0]
        if pa.types.is_null(array.type):
            array = array.cast(pa.bool_())
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        table, indices = self._table(array.dictionary, empty), array.indices.cast(pa.int32())
        if indices.null_count:
            indices = indices.fill_null(len(array.dictionary))
        found: Word = table[numpy_of(indices, np.int32)]
        if self.count:
            added = np.bincount(found, minlength=len(self.codes))
            added[: len(self.counts)] += self.counts
            self.counts = added
        return (found,)

    def coded(self, words: Words) -> list[Coded]:
        return [Coded(words[0].astype(np.uint64), len(self.codes))]

    def _table(self, dictionary: Any, empty: bool) -> Word:
        """Code by place in the batch's dictionary; a place more, for missing ones."""
        if self._last and self._last[1] == empty and self._last[0].equals(dictionary):
            return self._last[2]
        codes = self.codes
        values = _python(dictionary)
        if empty:
            values = [None if value == "" else value for value in values]
        table = [codes.setdefault(value, len(codes)) for value in values]
        if len(codes) > self.limit:
            raise TooManyValues(self.slot)
        found = np.array([*table, 0], np.min_scalar_type(len(codes)))
        self._last = dictionary, empty, found
        return found


class Whole:
    """Numbers as they are, and one for a missing value."""

    width = 1

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self.low, self.high = 0, 0

    def add(self, arrays: Sequence[Any], *, empty: bool) -> Words:  # noqa: ARG002
        array: Any = arrays[0]
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        try:
            numbers = whole(array).cast(pa.int64())
        except pa.ArrowInvalid as error:  # beyond 63 bits
            raise TooManyValues(self.slot) from error
        known = numpy_of(numbers.drop_null(), np.int64)
        if len(known):
            self.low = min(self.low, int(known.min()))
            self.high = max(self.high, int(known.max()))
        if self.low == _NULL:
            raise TooManyValues(self.slot)
        return (numpy_of(numbers.fill_null(_NULL), np.int64),)

    def coded(self, words: Words) -> list[Coded]:
        size = self.high - self.low + 2
        codes = words[0].view(np.uint64) - np.uint64(self.low % FULL)  # modulo 2**64
        codes[words[0] == _NULL] = size - 1
        return [Coded(codes, size)]


class Digest:
    """Digests of one column's values or of several columns' together."""

    width = 2

    def add(self, arrays: Sequence[Any], *, empty: bool) -> Words:
        columns = [_series(str(place), array, empty) for place, array in enumerate(arrays)]
        found = key_digest(pl.DataFrame(columns))
        return tuple(found[name].to_numpy() for name in found.columns)

    def coded(self, words: Words) -> list[Coded]:
        return [Coded(word, FULL) for word in words]


def family(kind: pa.DataType) -> str:
    """What values of this type are, as far as they can be equal: text, number, moment ..."""
    if pa.types.is_dictionary(kind):
        return family(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_integer(kind):
        return "whole number"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if _is_moment(kind):
        return "moment"
    return str(kind)


def whole(array: Any) -> Any:
    """Dates and times as their whole numbers; all else as it is."""
    kind = array.type
    if not _is_moment(kind):
        return array
    return array.view(pa.int32() if kind.bit_width == 32 else pa.int64())


def _is_moment(kind: pa.DataType) -> bool:
    return pa.types.is_temporal(kind) and not pa.types.is_interval(kind)


def _python(dictionary: Any) -> list[Any]:
    values: list[Any] = whole(dictionary).to_pylist()
    if pa.types.is_floating(dictionary.type):
        return [_NAN if value is not None and value != value else value for value in values]
    return values


def _series(name: str, array: Any, empty: bool) -> pl.Series:
    """The column such that equal values have equal bits."""
    found = pl.Series(name, array)
    value = pl.col(name)
    if found.dtype.is_float():
        value = pl.when(value.is_nan()).then(_NAN).otherwise(value)
    elif found.dtype == pl.Binary:
        value = value.bin.encode("hex")
    elif empty:
        value = pl.when(value.cast(pl.String) != "").then(value)
    return found.to_frame().select(value.alias(name)).to_series()
