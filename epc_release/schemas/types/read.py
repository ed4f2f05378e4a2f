"""From text to typed values, by the type of a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.table import Field
from epc_release.schemas.types.codes import problem_number
from epc_release.schemas.types.moments import read_dates, read_datetimes
from epc_release.schemas.types.numbers import read_integers, read_numbers

DTYPES: Final[Mapping[str, pl.DataType]] = {
    "string": pl.String(),
    "any": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "year": pl.Int64(),
    "yearmonth": pl.String(),
    "time": pl.String(),
}
"""How the values of each supported type are stored; text of a fixed width keeps its order."""

_TRUE: Final = ("true", "True", "TRUE", "1")
_FALSE: Final = ("false", "False", "FALSE", "0")
_YEAR: Final = "^[0-9]{4}$"
_GRAMMARS: Final = {
    "yearmonth": "^[0-9]{4}-(?:0[1-9]|1[0-2])$",
    "time": "^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$",
}
_WITH_FORMATS: Final = ("date", "datetime")


@dataclass(frozen=True)
class Typed:
    """Values read from text, with as many entries as the text.

    ``values`` are of the field's dtype, null where the text is null or a problem. ``problems``
    (UInt8) are 0 or a position in ``PROBLEMS`` plus one. ``cut`` (Boolean) tells where a timestamp
    lost digits of a second.
    """

    values: pl.Series
    problems: pl.Series
    cut: pl.Series | None = None


def check_supported(field: Field) -> None:
    """Raise E130 for a type and E131 for a format that the compiler does not know."""
    if field.type not in DTYPES:
        known = ", ".join(DTYPES)
        raise ReleaseError("E130", field=field.name, type=field.type, known=known)
    free = field.type in _WITH_FORMATS and field.format != "any"
    if field.format != "default" and not free:
        raise ReleaseError("E131", field=field.name, type=field.type, format=field.format)


def read_text(field: Field, text: pl.Series, timezone: str = "Europe/London") -> Typed:
    """Read normalised text (String; null = missing) as the type of ``field``.

    ``timezone`` is the register's: timestamps with an offset are converted to it.
    Raises E130 or E131 for a type or format that is not supported.
    """
    check_supported(field)
    match field.type:
        case "integer":
            return Typed(*read_integers(field, text))
        case "number":
            return Typed(*read_numbers(field, text))
        case "datetime":
            values, cut = read_datetimes(field.format, text, timezone)
            return Typed(values, _problems(field, text, values), cut)
        case "date":
            values = read_dates(field.format, text)
        case "boolean":
            values = _read_booleans(field, text)
        case "year":
            values = _matching(text, _YEAR).cast(pl.Int64, strict=False)
        case "yearmonth" | "time":
            values = _matching(text, _GRAMMARS[field.type])
        case _:
            values = text
    return Typed(values, _problems(field, text, values))


def _problems(field: Field, text: pl.Series, values: pl.Series) -> pl.Series:
    if field.type in ("string", "any"):
        return pl.Series(text.name, [0], dtype=pl.UInt8).new_from_index(0, text.len())
    wrong = text.is_not_null() & values.is_null()
    return wrong.cast(pl.UInt8) * problem_number(f"type-{field.type}")


def _matching(text: pl.Series, pattern: str) -> pl.Series:
    return text.set(~text.str.contains(pattern), None)


def _read_booleans(field: Field, text: pl.Series) -> pl.Series:
    """``trueValues`` and ``falseValues`` exactly as they are written in the schema."""
    true = text.is_in(list(field.descriptor.get("trueValues", _TRUE)))
    known = true | text.is_in(list(field.descriptor.get("falseValues", _FALSE)))
    return true.set(~known, None)
