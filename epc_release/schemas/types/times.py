"""Times of day, kept as text of a fixed order: ``HH:MM:SS``, its fraction and its offset if any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any, Final

import polars as pl

from epc_release.schemas.table import Field
from epc_release.schemas.types.elsewhere import read_any_moments

_DEFAULT: Final = "^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
# What reading leaves behind, whatever the form of the text.
KEPT: Final = (
    r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{0,5}[1-9])?(?:[+-][0-9]{2}:[0-9]{2})?$"
)


def read_times(field: Field, text: pl.Series) -> pl.Series:
    """Times of the field's form as text; null where the text is none.

    Times with an offset compare by the clock, whatever the offset: without a day they have no
    common scale.
    """
    if field.format == "default":
        return text.set(~text.str.contains(_DEFAULT), None)
    if field.format == "any":
        return _kept(text.name, read_any_moments(field, text))
    return _kept(text.name, (None if one is None else _read(field.format, one) for one in text))


def _kept(name: str, times: Iterable[Any]) -> pl.Series:
    return pl.Series(name, [None if one is None else _text(one) for one in times], dtype=pl.String)


def _text(value: time) -> str | None:
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    try:
        offset = value.replace(microsecond=0).isoformat()[len("HH:MM:SS") :]
    except ValueError:  # an offset of days
        return None
    return f"{value:%H:%M:%S}{fraction}{offset}"


def _read(form: str, text: str) -> time | None:
    """The time, if it is written as the form writes it (zero-padded)."""
    try:
        value = datetime.strptime(text, form).timetz()  # noqa: DTZ007 (a time without a day)
    except ValueError:
        return None
    same = value.tzinfo is not None or value.strftime(form).casefold() == text.casefold()
    return value if same else None
