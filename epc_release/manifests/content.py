"""The one canonical CSV of a table: what archives hold and what ``content_sha256`` is the hash of.

RFC 4180 in UTF-8 without byte-order mark: records end with CRLF, a cell is quoted only where it
holds a comma, a quote or a carriage return, and a missing value is empty. Numbers are written as
RFC 8785 section 3.2.2.3 (ECMAScript's ``Number::toString``) says: the shortest digits that read
back as the same double, no ``.0``, no exponent from 0.000001 up to below 1e21, no negative zero.
Booleans are ``true`` and ``false``, dates ``2024-01-31``, times ``2024-01-31 12:00:00`` and their
fraction only where there is one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.costs import spent

_LINE_FEED, _CARRIAGE_RETURN = 10, 13
# Between these, polars writes neither exponents nor anything else that RFC 8785 does not.
_EXACT_BELOW = 2**53  # integers that float64 holds exactly
_PLAIN_FROM, _PLAIN_BELOW = 1e-5, 1e16


@dataclass(frozen=True)
class Lines:
    """CSV records in a row; ``ends[i]`` (int64) is the offset after record i, its CRLF included."""

    data: memoryview
    ends: npt.NDArray[np.int64]

    def rows(self, start: int, stop: int) -> memoryview:
        """The bytes of records ``start`` to before ``stop``."""
        first = int(self.ends[start - 1]) if start else 0
        last = int(self.ends[stop - 1]) if stop else 0
        return self.data[first:last]


@cache
def csv_header(names: tuple[str, ...]) -> bytes:
    """The header record of these columns."""
    return _write(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), header=True).tobytes()


@spent("CSV text")
def csv_lines(frame: pl.DataFrame) -> Lines:
    """Serialise every row of a frame, in its order; columns as they stand, no header.

    Takes String, Categorical, Int64, Float64, Boolean, Date and Datetime columns, two at least.
    Raises ValueError for a line break in a text (``conform`` leaves none, and a record is one
    physical line) and for NaN or an infinity, which have no canonical form.
    """
    data = _write(frame.with_columns(_canonical(frame)), header=False)
    octets = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(octets == _LINE_FEED) + 1
    if len(ends) != frame.height or _count(octets, _CARRIAGE_RETURN) != frame.height:
        raise ValueError("a text holds a line break")
    return Lines(data, ends)


def _write(frame: pl.DataFrame, *, header: bool) -> memoryview:
    buffer = io.BytesIO()
    frame.write_csv(
        buffer,
        include_header=header,
        line_terminator="\r\n",
        datetime_format="%Y-%m-%d %H:%M:%S%.f",
    )
    return buffer.getbuffer()


def _count(octets: npt.NDArray[np.uint8], octet: int) -> int:
    return int(np.count_nonzero(octets == octet))


def _canonical(frame: pl.DataFrame) -> list[pl.Expr | pl.Series]:
    """What must change before polars writes it: numbers, and empty texts (they are missing)."""
    changed: list[pl.Expr | pl.Series] = []
    for name, dtype in frame.schema.items():
        if dtype == pl.Float64:
            changed.append(_whole(frame[name]))
        elif dtype in (pl.String, pl.Categorical) and (frame[name] == "").any():
            changed.append(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name))
    return changed


def _whole(numbers: pl.Series) -> pl.Series:
    """Numbers without a fraction as integers, which have the same text and cost less; or text."""
    whole = numbers.cast(pl.Int64, strict=False)
    same = (whole == numbers) & (whole.abs() < _EXACT_BELOW)
    return (
        whole if same.all() and whole.null_count() == numbers.null_count() else number_text(numbers)
    )


def number_text(numbers: pl.Series) -> pl.Series:
    """The canonical text (String) of Float64 numbers; null stays null.

    Raises ValueError for NaN and infinities.
    """
    if not numbers.is_finite().all():
        raise ValueError("a number is not finite")
    size = numbers.abs()
    unsigned = numbers.zip_with((size > 0).fill_null(True), size) if (size == 0).any() else numbers
    texts = unsigned.cast(pl.String).str.strip_suffix(".0")
    odd = ((size >= _PLAIN_BELOW) | ((size < _PLAIN_FROM) & (size > 0))).arg_true()
    if odd.is_empty():
        return texts
    return texts.scatter(odd, [_ecmascript(number) for number in numbers.gather(odd)])


def _ecmascript(number: float) -> str:
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    digits, _, exponent = repr(number).partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"
