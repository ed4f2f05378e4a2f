"""A column of Parquet against its field: text is judged as text, typed values as they stand."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from epc_release.errors import ReleaseError
from epc_release.release.check.columns import Found, Judged, Text
from epc_release.release.source.parquet import is_text
from epc_release.schemas.checks import Check, value_checks
from epc_release.schemas.table import Field
from epc_release.schemas.types import DTYPES

_CATEGORY: Final = pa.dictionary(pa.int32(), pa.string())
_ZONE: Final = "Europe/London"  # of times with a zone, as of text with an offset
_DAYS: Final = (-719_162, 2_932_897)  # from 1 January 1970 to that of the years 1 and 10000
_A_DAY: Final = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
_LAST_YEAR: Final = 9999
_INT64: Final = 2**63 - 1


def as_text(field: Field, column: pa.ChunkedArray[Any], file: str) -> Text | None:
    """The column as text where it is that, or a structure (then JSON); None where it is typed.

    Raises E232 for values that have no text.
    """
    kind = _kind(column)
    if pa.types.is_null(kind) or not (pa.types.is_nested(kind) or is_text(kind) or _is_any(field)):
        return None
    try:
        if pa.types.is_nested(kind):
            texts = [None if one is None else _json(field, one) for one in column.to_pylist()]
            return Text(pl.Series(texts, dtype=pl.String))
        if column.type in (pa.string(), _CATEGORY):
            return Text.of(column)
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        return Text.of(coded.unify_dictionaries().cast(_CATEGORY))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise ReleaseError("E232", file=file, column=field.name) from error


def any_text(column: pa.ChunkedArray[Any], file: str, name: str) -> Text:
    """Values of any type as text that tells them apart; raises E232 where they have none."""
    kind = _kind(column)
    try:
        if pa.types.is_dictionary(column.type) and kind != pa.string():
            column = column.cast(kind)
        if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
            column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        elif pa.types.is_nested(kind) or pa.types.is_interval(kind) or _is_bytes(kind):
            return Text(pl.Series([repr(one) for one in column.to_pylist()], dtype=pl.String))
        plain = column.type in (pa.string(), _CATEGORY)
        return Text.of(column if plain else column.cast(pa.string()))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise ReleaseError("E232", file=file, column=name) from error


def _kind(column: pa.ChunkedArray[Any]) -> Any:
    """The type of the values, in a dictionary or not."""
    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def _is_any(field: Field) -> bool:
    return field.type == "any"


def _is_bytes(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _json(field: Field, value: Any) -> str:
    if field.type == "list" and isinstance(value, list):
        return str(field.descriptor.get("delimiter", ",")).join(map(str, value))
    return json.dumps(value, default=str)


def judge_typed(field: Field, column: pa.ChunkedArray[Any]) -> Judged:
    """A column that is no text; one of another type than the field's is wrong in every row."""
    values = _values(field, column)
    if values is None:
        values = pl.Series(field.name, [None], dtype=DTYPES[field.type])
        values = values.new_from_index(0, len(column))
    missing = pl.Series(column.is_null().combine_chunks(), dtype=pl.Boolean)
    found = [Found("type", "error", field.name, _rows(values.is_null() & ~missing))]
    checks = value_checks(field)
    if field.type == "number":
        checks = (Check(field.name, "not-finite", "error", (field.name,)), *checks)
    for check in checks:
        broken = values.to_frame("v").select(check.violations(pl.col("v"))).to_series()
        found.append(Found(check.code, check.severity, field.name, _rows(broken)))
    return Judged(
        field=field,
        values=values,
        absent=missing.to_numpy() if missing.any() else None,
        found=tuple(one for one in found if len(one.rows)),
    )


def _rows(at: pl.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    return at.arg_true().to_numpy().astype(np.int64)


def _values(field: Field, column: pa.ChunkedArray[Any]) -> pl.Series | None:
    """The column with the dtype of the field; None where it is of another type.

    Values that the dtype does not hold become null.
    """
    kind = _kind(column)
    column = column.cast(kind) if column.type != kind else column
    dtype = DTYPES[field.type]
    match field.type:
        case _ if pa.types.is_null(kind):
            return pl.Series(field.name, [None], dtype=dtype).new_from_index(0, len(column))
        case "integer" | "year" if pa.types.is_integer(kind):
            values = _series(field, column).cast(pl.Int64, strict=False)
            year = values.is_between(0, _LAST_YEAR).fill_null(True)
            return values if field.type == "integer" else values.set(~year, None)
        case "number" if pa.types.is_decimal(kind):
            return _series(field, column.cast(pa.float64()))
        case "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return _series(field, column).cast(dtype)
        case "boolean" if pa.types.is_boolean(kind):
            return _series(field, column)
        case "date" if pa.types.is_date(kind):
            return _series(field, _within_calendar(column)).cast(dtype)
        case "datetime" if pa.types.is_timestamp(kind):
            moments = _series(field, _within_calendar(column))
            moments = moments.dt.convert_time_zone(_ZONE) if kind.tz is not None else moments
            return moments.dt.replace_time_zone(None).cast(dtype)
        case "time" if pa.types.is_time(kind):
            text = _series(field, column).dt.to_string("%H:%M:%S%.f")
            return text.str.replace(r"\.0+$", "").str.replace(r"(\.[0-9]*[1-9])0+$", "${1}")
    return None


def _series(field: Field, column: pa.ChunkedArray[Any]) -> pl.Series:
    return pl.Series(field.name, column.combine_chunks())


def _within_calendar(column: pa.ChunkedArray[Any]) -> Any:
    """Without days and times outside the years 1 to 9999, which no text of a table can name."""
    kind: Any = column.type
    if pa.types.is_date32(kind):
        ticks, width = column.cast(pa.int32()).cast(pa.int64()), 1
    else:
        ticks = column.cast(pa.int64())
        width = _A_DAY["ms" if pa.types.is_date64(kind) else kind.unit]
    first, end = (min(max(day * width, -_INT64), _INT64) for day in _DAYS)
    within = pc.and_(pc.greater_equal(ticks, pa.scalar(first)), pc.less(ticks, pa.scalar(end)))
    return pc.if_else(within, column, pa.scalar(None, kind))
