"""Days on which certificates are lodged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from epc_release.release.synth.lexicon import RankTable, value_table

_WEEKEND = 0.25  # lodgements on a Saturday or Sunday, against a working day
_FIRST = date(2005, 1, 1)
_ROWS_PER_YEAR = 400


@dataclass(frozen=True)
class Calendar:
    """All days that dates may take (``YYYY-MM-DD``), and how often each is a day of lodgement."""

    lodged: RankTable

    @property
    def days(self) -> Sequence[str | None]:
        return self.lodged.words.to_list()


def make_calendar(years: Mapping[str, float], floor: date, last: date, rows: int) -> Calendar:
    """Days between ``floor`` and ``last`` by weights of years; fewer rows use the latest years."""
    used = sorted(years)[-max(3, 2 + rows // _ROWS_PER_YEAR) :]
    count = (date(last.year + 1, 12, 31) - _FIRST).days + 1
    days = [_FIRST + timedelta(days=i) for i in range(count)]
    open_days: dict[str, float] = {}
    for day in days:
        if floor <= day <= last:
            year = str(day.year)
            open_days[year] = open_days.get(year, 0.0) + _likely(day)
    weights = [
        float(years[str(day.year)]) * _likely(day) / open_days[str(day.year)]
        if floor <= day <= last and str(day.year) in used
        else 0.0
        for day in days
    ]
    return Calendar(value_table([day.isoformat() for day in days], weights))


def _likely(day: date) -> float:
    return _WEEKEND if day.weekday() > 4 else 1.0
