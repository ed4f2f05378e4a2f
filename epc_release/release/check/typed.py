"""A column of Parquet against its field: text is judged as text, typed values as they stand."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from epc_release.errors import ReleaseError
from epc_release.release.check.columns import Found, Judged, Text
from epc_release.schemas.checks import Check, value_checks
from epc_release.schemas.table import Field
from epc_release.schemas.types import DTYPES

_CATEGORY: Final = pa.dictionary(pa.int32(), pa.string())
_ZONE: Final = "Europe/London"  # of times with a zone, as of text with an offset


def as_text(field: Field, column: pa.ChunkedArray[Any], file: str) -> Text | None:
    """The column as text where it is that, or a structure (then JSON); None where it is typed.

    Raises E232 for binary columns that are no UTF-8.
    """
    kind: Any = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind):
        texts = [None if one is None else _json(field, one) for one in column.to_pylist()]
        return Text(pl.Series(texts, dtype=pl.String))
    if pa.types.is_null(kind):
        return None
    if not _is_text(kind) and field.type != "any":
        return None
    if column.type == pa.string() or column.type == _CATEGORY:
        return Text.of(column)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    try:
        return Text.of(coded.unify_dictionaries().cast(_CATEGORY))
    except pa.ArrowInvalid as error:
        raise ReleaseError("E232", file=file, column=field.name) from error


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _json(field: Field, value: Any) -> str:
    if field.type == "list" and isinstance(value, list):
        return str(field.descriptor.get("delimiter", ",")).join(map(str, value))
    return json.dumps(value, default=str)


def judge_typed(field: Field, column: pa.ChunkedArray[Any]) -> Judged:
    """A column that is no text; one of another type than the field's is wrong in every row."""
    values = _values(field, column)
    if values is None:
        every = np.arange(len(column))
        none = pl.Series(field.name, [None], dtype=DTYPES[field.type])
        return Judged(
            field,
            none.new_from_index(0, len(column)),
            None,
            (Found("type", "error", field.name, every),),
        )
    checks = value_checks(field)
    if field.type == "number":
        checks = (Check(field.name, "not-finite", "error", (field.name,)), *checks)
    found = []
    for check in checks:
        broken = values.to_frame("v").select(check.violations(pl.col("v"))).to_series()
        rows = broken.arg_true().to_numpy().astype(np.int64)
        if len(rows):
            found.append(Found(check.code, check.severity, field.name, rows))
    missing = values.is_null().to_numpy() if values.null_count() else None
    return Judged(field, values, missing, tuple(found))


def _values(field: Field, column: pa.ChunkedArray[Any]) -> pl.Series | None:
    """The column with the dtype of the field; None where it is of another type."""
    kind: Any = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    series = pl.Series(field.name, column.combine_chunks())
    dtype = DTYPES[field.type]
    match field.type:
        case _ if pa.types.is_null(kind):
            return pl.Series(field.name, [None], dtype=dtype).new_from_index(0, len(series))
        case "integer" | "year" if pa.types.is_integer(kind):
            return series.cast(dtype)
        case "number" if (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        ):
            return series.cast(dtype)
        case "boolean" if pa.types.is_boolean(kind):
            return series
        case "date" if pa.types.is_date(kind):
            return series.cast(dtype)
        case "datetime" if pa.types.is_timestamp(kind):
            local = series.dt.convert_time_zone(_ZONE) if kind.tz is not None else series
            return local.dt.replace_time_zone(None).cast(dtype)
        case "time" if pa.types.is_time(kind):
            return series.dt.strftime("%H:%M:%S")
    return None
