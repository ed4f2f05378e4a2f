"""Dates and timestamps: real days, zero-padded, in the form that the schema gives.

Timestamps come without a zone (then they are the register's local time) or with one (then they are
converted to it; the time zone rules of polars end with 2099). A timestamp of a date alone is
midnight.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_SECOND: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]$"
_ISO: Final = (
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?P<zone>Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?$"
)
# XML Schema, dateTime: what the standard's default form is.
_STANDARD: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?$"
)
_ISO_FORMATS: Final = frozenset(
    ["default"]
    + [
        f"%Y-%m-%d{between}%H:%M:%S{end}"
        for between in " T"
        for end in ("", "Z", "%z", ".%f", ".%fZ", ".%f%z")
    ]
)
# Directives that polars and Python read alike; the others go through Python, value by value.
_SHARED: Final = frozenset("YmdHMS")
_MICROSECOND: Final = pl.Datetime("us")


def is_compiled(form: str) -> bool:
    """Whether timestamps and dates of this form are read by expressions."""
    directives = set(re.findall("%(.)", form))
    shared = {"Y", "m", "d"} <= directives <= _SHARED
    return form == "default" or form in _ISO_FORMATS or shared


def read_dates(form: str, text: pl.Series) -> pl.Series:
    """Date values; null where the text is not a real day in ``form`` (``default``: ISO 8601).

    A form with a time is read when that time is midnight.
    """
    if form in ("default", "%Y-%m-%d"):
        days = text.set(~text.str.contains(_DAY), None).str.to_date("%Y-%m-%d", strict=False)
        return _within_calendar(days)
    moments = _read_form(form, text, "UTC")
    days = moments.dt.date()
    return days.set(days.cast(_MICROSECOND) != moments, None)


def read_datetimes(
    form: str, text: pl.Series, timezone: str, *, exact: bool = False
) -> tuple[pl.Series, pl.Series]:
    """Datetime("us") in local time without zone, and where digits of a second were left out.

    A form of the ISO 8601 family accepts the whole family: space or ``T``, seconds and their
    fraction or none, an offset or none, a date alone. Fractions are kept to the microsecond where
    the form has them, else to the second; the second Series (Boolean) tells where that cut digits
    other than zero. If ``exact``, each form accepts itself alone, and ``default`` is the dateTime
    of XML Schema.
    """
    if exact and form == "default":
        text = text.set(~text.str.contains(_STANDARD), None)
    elif exact or form not in _ISO_FORMATS:
        whole = pl.Series(text.name, [False], dtype=pl.Boolean).new_from_index(0, text.len())
        return _read_form(form, text, timezone), whole
    keep = 6 if form == "default" or "%f" in form else 0
    plain = text.str.contains(_SECOND)
    values = text.set(~plain, None).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"
    )
    cut = text.is_null() & False
    at = (~plain).arg_true()
    if at.len():
        parts = text.gather(at).str.extract_groups(_ISO).struct.unnest()
        read = parts.select(_moment(timezone, keep), cut=_is_cut(keep))
        values = values.scatter(at, read["moment"])
        cut = cut.scatter(at, read["cut"] & read["moment"].is_not_null())
    return _within_calendar(values), cut.fill_null(False)


def _moment(timezone: str, keep: int) -> pl.Expr:
    day = pl.col("day").str.to_date("%Y-%m-%d", strict=False).cast(_MICROSECOND)
    fraction = pl.col("fraction").fill_null("").str.slice(0, keep).str.pad_end(6, "0")
    naive = day + pl.duration(
        hours=_count("hour"),
        minutes=_count("minute"),
        seconds=_count("second"),
        microseconds=fraction.cast(pl.Int64),
    )
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    offset = pl.duration(
        hours=sign * pl.col("zone").str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0),
        minutes=sign * pl.col("zone").str.slice(-2).cast(pl.Int64, strict=False).fill_null(0),
    )
    utc = (naive - offset).dt.replace_time_zone("UTC")
    local = utc.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return pl.when(pl.col("zone").is_null()).then(naive).otherwise(local).alias("moment")


def _count(part: str) -> pl.Expr:
    return pl.col(part).cast(pl.Int64).fill_null(0)


def _is_cut(keep: int) -> pl.Expr:
    return pl.col("fraction").str.slice(keep).str.contains("[1-9]")


def _read_form(form: str, text: pl.Series, timezone: str) -> pl.Series:
    """Datetime("us") of any strptime form; a value counts if it is written as the form writes."""
    directives = set(re.findall("%(.)", form))
    if {"Y", "m", "d"} <= directives <= _SHARED:
        if directives <= set("Ymd"):
            moments = text.str.to_date(form, strict=False).cast(_MICROSECOND)
        else:
            moments = text.str.to_datetime(form, strict=False, time_unit="us")
        moments = moments.set(moments.dt.to_string(form) != text, None)
        return _within_calendar(moments)
    values = [None if value is None else _python(form, value, timezone) for value in text]
    return pl.Series(text.name, values, dtype=_MICROSECOND)


def _python(form: str, value: str, timezone: str) -> datetime | None:
    try:
        moment = datetime.strptime(value, form)  # noqa: DTZ007 (local time has no zone)
    except ValueError:
        return None
    padded = form.replace("%Y", f"{moment.year:04}")  # not every C library pads years
    if moment.strftime(padded).casefold() != value.casefold() and moment.tzinfo is None:
        return None
    return local(moment, timezone)


def local(moment: datetime | None, timezone: str) -> datetime | None:
    """A moment in local time without zone; one without zone is local already."""
    if moment is None or moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    except (OverflowError, ValueError):  # beyond the years 1 to 9999, or an offset of days
        return None


def _within_calendar(days: pl.Series) -> pl.Series:
    """Without the years 0 and 10000 and beyond, which other readers refuse."""
    return days.set(~days.dt.year().is_between(date.min.year, date.max.year), None)
