"""Picks: the text of a column from the first place that has some.

Grain: one text per record. A cell of the column's own that has text in none of the known forms, and
for which no other place has any, is told, so that it counts as one that does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import polars as pl
import pyarrow as pa

from epc_release.schemas.register import Pick
from epc_release.schemas.types import normalise


@dataclass(frozen=True)
class Picked:
    """Per record ``text`` (String, empty where there is none), ``misfit`` (Boolean) and ``given``
    (String), the text of the column's own cell."""

    text: pl.Series
    misfit: pl.Series
    given: pl.Series


def pick(column: str, places: Sequence[Pick], raw: pa.Table, file: str) -> Picked:
    """The texts that ``places`` give a column, for the records of ``raw`` from that file."""
    rows = raw.num_rows
    nothing = pl.Series("text", [None], dtype=pl.String).new_from_index(0, rows)
    text, given = nothing, nothing
    for place in places:
        source = _source(place, raw, file)
        if source is None:
            continue
        source = source.set(source == "", None)
        given = source if place.column == column else given
        text = text.zip_with(text.is_not_null(), _formed(place, source))
    misfit = text.is_null() & given.is_not_null()
    return Picked(text.fill_null(""), misfit, given)


def _source(place: Pick, raw: pa.Table, file: str) -> pl.Series | None:
    """A place's texts per record, white space normalised; None where there is no such column."""
    if place.column is None:
        name = place.constant if place.constant is not None else PurePosixPath(file).name
        return pl.Series("text", [name], dtype=pl.String).new_from_index(0, raw.num_rows)
    if place.column not in raw.column_names:
        return None
    text = raw.column(place.column).cast(pa.string())
    return normalise(pl.Series("text", text, dtype=pl.String))


def _formed(place: Pick, text: pl.Series) -> pl.Series:
    """The texts that match, as the place has them written."""
    if not place.pattern:
        return text
    matching = text.set(~text.str.contains(place.pattern), None)
    if place.replace == "${0}" and not place.file:
        return matching
    return matching.str.extract(f"({place.pattern})", 1).str.replace(place.pattern, place.replace)
