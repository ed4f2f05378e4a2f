"""Days that are written in other forms than ISO 8601."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from epc_release.schemas.types import normalise
from epc_release.schemas.types.moments import read_dates


def iso_days(text: pl.Series, forms: Sequence[str]) -> pl.Series:
    """The texts (String) with each real day that is in one of ``forms`` written ``YYYY-MM-DD``.

    The first form that reads a text counts; forms are those of ``strptime``, and a text must be
    written as the form writes it (``3/1/2018`` is not in ``%d/%m/%Y``). Others stay as they are.
    """
    tidy = normalise(text)
    days = pl.Series(text.name, [None], dtype=pl.Date).new_from_index(0, len(text))
    for form in forms:
        left = tidy.set(days.is_not_null(), None)
        days = days.zip_with(days.is_not_null(), read_dates(form, left))
    return days.dt.to_string("%Y-%m-%d").zip_with(days.is_not_null(), text)
