"""Durations as XML Schema has them (Part 2, duration): months and seconds, partly ordered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import polars as pl

_FORM: Final = (
    r"^(-)?P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)D)?"
    r"(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?$"
)
_PARTS: Final = re.compile(_FORM)
# The months on whose first day two durations are compared (section 3.2.6.2 of the recommendation).
_STARTS: Final = ((1696, 9), (1697, 2), (1903, 3), (1903, 7))
_DAY: Final = 86_400
_CUMULATIVE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


@dataclass(frozen=True)
class Duration:
    """Whole months and seconds; both have the sign of the duration."""

    months: int
    seconds: Decimal

    def after(self, year: int, month: int) -> Decimal:
        """Seconds from the year 0 to the first of that month and this duration later."""
        months = year * 12 + month - 1 + self.months
        return _days(months // 12, months % 12) * _DAY + self.seconds


def read_durations(text: pl.Series) -> pl.Series:
    """The text itself; null where it is no duration."""
    wrong = ~text.str.contains(_FORM) | text.str.contains("[PT]$")
    return text.set(wrong, None)


def duration(text: str) -> Duration | None:
    """The value of a text that ``read_durations`` keeps; None of any other."""
    found = _PARTS.match(text)
    if found is None or text[-1] in "PT":
        return None
    sign = -1 if found[1] else 1
    years, months, days, hours, minutes = (int(Decimal(part or 0)) for part in found.groups()[1:6])
    seconds = ((days * 24 + hours) * 60 + minutes) * 60 + Decimal(found[7] or 0)
    return Duration(sign * (years * 12 + months), sign * seconds)


def is_less(one: Duration, other: Duration) -> bool:
    """Whether ``one`` is shorter from whatever day on: a month is 28 to 31 days."""
    return all(one.after(*start) < other.after(*start) for start in _STARTS)


def is_at_most(one: Duration, other: Duration) -> bool:
    """Whether ``one`` is not longer, from whatever day on."""
    return all(one.after(*start) <= other.after(*start) for start in _STARTS)


def _days(year: int, month: int) -> Decimal:
    """Days from the year 0 to the first of a month (0 to 11), whatever the year."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    before = year - 1
    whole = year * 365 + before // 4 - before // 100 + before // 400
    return Decimal(whole + _CUMULATIVE[month] + (leap and month > 1))
