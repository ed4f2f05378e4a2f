"""From text to typed values, by the type of a field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.table import Field
from epc_release.schemas.types.codes import problem_number
from epc_release.schemas.types.durations import read_durations
from epc_release.schemas.types.elsewhere import accepts_elsewhere, read_any_moments
from epc_release.schemas.types.lists import ITEM_TYPES, item_field, read_lists
from epc_release.schemas.types.logical import Logical
from epc_release.schemas.types.moments import local, read_dates, read_datetimes
from epc_release.schemas.types.numbers import read_integers, read_numbers
from epc_release.schemas.types.strings import FORMATS as STRING_FORMATS
from epc_release.schemas.types.strings import read_strings
from epc_release.schemas.types.times import KEPT, read_times

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
    "duration": pl.String(),
    "list": pl.String(),
    "object": pl.String(),
    "array": pl.String(),
    "geopoint": pl.String(),
    "geojson": pl.String(),
}
"""How the values of each type are stored; text of a fixed width keeps its order.

What no reader of Parquet and CSV shares a type for is checked and kept as its text (``logical``).
"""

_TRUE: Final = ("true", "True", "TRUE", "1")
_FALSE: Final = ("false", "False", "FALSE", "0")
_YEAR: Final = "^[0-9]{4}$"
_YEARMONTH: Final = "^[0-9]{4}-(?:0[1-9]|1[0-2])$"
_FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "string": STRING_FORMATS,
    "geopoint": ("default", "array", "object"),
    "geojson": ("default", "topojson"),
}
_WITH_FORMS: Final = ("date", "datetime", "time")  # any, or a form of strptime


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
    """Raise E130 for a type and E131 for a format that the standard does not have."""
    if field.type not in DTYPES:
        raise _unknown_type(field, field.type, DTYPES)
    if field.format not in _FORMATS.get(field.type, ("default",)) and field.type not in _WITH_FORMS:
        raise ReleaseError("E131", field=field.name, type=field.type, format=field.format)
    if field.type == "list" and item_field(field).type not in ITEM_TYPES:
        raise _unknown_type(field, item_field(field).type, ITEM_TYPES)


def _unknown_type(field: Field, type_: str, known: Iterable[str]) -> ReleaseError:
    return ReleaseError("E130", field=field.name, type=type_, known=", ".join(known))


def read_text(
    field: Field, text: pl.Series, timezone: str = "Europe/London", *, exact: bool = False
) -> Typed:
    """Read text (String; null = missing) as the type of ``field``.

    ``timezone`` is the register's: timestamps with an offset are converted to it. The text is
    normalised, unless ``exact``: then it is read as it stands, by the standard alone, without what
    registers are allowed besides (``5.0`` for 5, a date for midnight).
    Raises E130 or E131 for a type or format that the standard does not have, E135 where a package
    is needed that is not installed.
    """
    check_supported(field)
    match field.type:
        case "integer":
            return Typed(*read_integers(field, text, exact=exact))
        case "number":
            return Typed(*read_numbers(field, text, exact=exact))
        case "datetime" if field.format != "any":
            values, cut = read_datetimes(field.format, text, timezone, exact=exact)
            return Typed(values, _problems(field, text, values), cut)
        case "datetime":
            moments = [local(one, timezone) for one in read_any_moments(field, text)]
            values = pl.Series(text.name, moments, dtype=DTYPES["datetime"])
        case "list":
            values = read_lists(
                field, text, lambda item, t: read_text(item, t, timezone, exact=exact).problems > 0
            )
        case _:
            values = _READERS[field.type](field, text)
    return Typed(values, _problems(field, text, values))


def wrong_when_kept(field: Field, text: pl.Series) -> pl.Series:
    """Boolean: which texts of a typed column are no values of ``field``.

    Only for types whose column is text. Times have one form by then, whatever the field's.
    """
    if field.type == "time":
        return ~text.str.contains(KEPT)
    return read_text(field, text, exact=True).problems > 0


def _problems(field: Field, text: pl.Series, values: pl.Series) -> pl.Series:
    if values is text:
        return pl.Series(text.name, [0], dtype=pl.UInt8).new_from_index(0, text.len())
    wrong = text.is_not_null() & values.is_null()
    return wrong.cast(pl.UInt8) * problem_number(f"type-{field.type}")


def _read_booleans(field: Field, text: pl.Series) -> pl.Series:
    """``trueValues`` and ``falseValues`` exactly as they are written in the schema."""
    true = text.is_in(list(field.descriptor.get("trueValues", _TRUE)))
    known = true | text.is_in(list(field.descriptor.get("falseValues", _FALSE)))
    return true.set(~known, None)


def _read_dates(field: Field, text: pl.Series) -> pl.Series:
    if field.format == "any":
        return pl.Series(text.name, read_any_moments(field, text), dtype=pl.Date)
    return read_dates(field.format, text)


def _read_geojson(field: Field, text: pl.Series) -> pl.Series:
    documents = _by_value(field, text)
    return documents.set(~accepts_elsewhere(field, documents), None)


def _by_value(field: Field, text: pl.Series) -> pl.Series:
    """The text itself where there is a value."""
    logical = Logical.of(field)
    if logical is None:
        return text
    found = [None if one is None or logical.value(one) is None else one for one in text]
    return pl.Series(text.name, found, dtype=pl.String)


def _matching(pattern: str) -> Callable[[Field, pl.Series], pl.Series]:
    return lambda _, text: text.set(~text.str.contains(pattern), None)


_READERS: Final[Mapping[str, Callable[[Field, pl.Series], pl.Series]]] = {
    "any": lambda _, text: text,
    "string": read_strings,
    "boolean": _read_booleans,
    "date": _read_dates,
    "time": read_times,
    "year": lambda field, text: _matching(_YEAR)(field, text).cast(pl.Int64, strict=False),
    "yearmonth": _matching(_YEARMONTH),
    "duration": lambda _, text: read_durations(text),
    "object": _by_value,
    "array": _by_value,
    "geopoint": _by_value,
    "geojson": _read_geojson,
}
