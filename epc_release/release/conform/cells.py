"""Cells: from a chunk's raw text to typed columns, worked out once per distinct value.

Grain: one row per record of the chunk, before and after. A cell that does not parse becomes missing
and leaves an issue; what becomes of its record is decided afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from epc_release.costs import spent
from epc_release.release.conform.codes import BAND_MISMATCH, FIRST_WARNING, NO_FORM
from epc_release.release.conform.picks import Picked, pick
from epc_release.schemas.parse import Parsed, derive_band, iso_days, parse_values
from epc_release.schemas.register import TableDialect
from epc_release.schemas.table import Field, TableSchema
from epc_release.schemas.types import DTYPES

ISSUES = {"__row": pl.UInt32, "__column": pl.UInt16, "__code": pl.UInt16}
RAW = {**ISSUES, "__raw": pl.String}


@dataclass(frozen=True)
class Conformed:
    """``frame``: one row per record, typed, our names.

    ``issues`` (row UInt32, column UInt16: position in the schema, code UInt16: position in
    ``CODES``) names cells with an error or a warning; ``errors`` are those with an error and their
    text (``raw``).
    """

    frame: pl.DataFrame
    issues: pl.DataFrame
    errors: pl.DataFrame


@spent("conform")
def conform(
    raw: pa.Table,
    schema: TableSchema,
    dialect: TableDialect,
    columns: tuple[str, ...],
    timezone: str,
    file: str = "",
) -> Conformed:
    """Type the columns of ``raw`` (text, or dictionaries of text); absent ones are missing.

    ``file`` is the name of the file that the records are from, for dialects that pick from it.
    """
    made: dict[str, pl.Series] = {}
    flagged = [pl.DataFrame(schema=RAW)]
    for name in columns:
        field = schema.by_name[name]
        position = schema.names.index(name)
        if name in dialect.picks:
            picked = pick(name, dialect.picks[name], raw, file)
            flagged.append(_misfits(picked, position))
            column = _Column(pa.chunked_array([picked.text.to_arrow().dictionary_encode()]))
        elif name in raw.column_names:
            column = _Column(raw.column(name))
        else:
            made[name] = missing_column(field, raw.num_rows)
            continue
        tokens = {*schema.missing_values(name), *dialect.missing.get(name, ())}
        rewrites = dialect.rewrites.get(name, ())
        texts = column.values
        if name in dialect.dates:
            texts = iso_days(texts, dialect.dates[name])
        parsed = parse_values(field, tokens, texts, rewrites, timezone=timezone)
        made[name] = column.spread(parsed.values).alias(name)
        flagged += [column.rows_with(at, position, code) for code, at in _codes(parsed)]
    frame = pl.DataFrame(made)
    for field in schema.fields:
        if field.name in frame.columns and "derive" in field.descriptor:
            frame, mismatch = _derive(frame, field, schema.names.index(field.name))
            flagged.append(mismatch)
    found = pl.concat(flagged)
    return Conformed(frame, found.drop("__raw"), found.filter(pl.col("__code") < FIRST_WARNING))


def _misfits(picked: Picked, position: int) -> pl.DataFrame:
    """Cells that have text in none of the forms that the dialect knows."""
    rows = picked.misfit.arg_true()
    return _flags(rows, position, NO_FORM, picked.given.gather(rows))


def _flags(rows: pl.Series, column: int, code: int, raw: pl.Series | None) -> pl.DataFrame:
    """One code for the cells of ``rows`` in a column; ``raw`` is their text, where it is kept."""
    return pl.DataFrame(
        {"__row": rows, "__column": column, "__code": code, "__raw": raw}, schema=RAW
    )


def missing_column(field: Field, rows: int) -> pl.Series:
    """A column of a field's type without a value."""
    return pl.Series(field.name, [None], dtype=DTYPES[field.type]).new_from_index(0, rows)


class _Column:
    """A raw column as its values and, where it is a dictionary, each row's place among them."""

    def __init__(self, column: pa.ChunkedArray[Any]) -> None:
        array: Any = column.combine_chunks()
        self.places: pl.Series | None = None
        if pa.types.is_dictionary(array.type):
            self.places = pl.Series(array.indices).cast(pl.UInt32)
            array = array.dictionary
        self.values = pl.Series(array, dtype=pl.String)

    def spread(self, values: pl.Series) -> pl.Series:
        """Values per row; text of few values becomes Categorical."""
        if self.places is None:
            return values
        if values.dtype == pl.String:
            values = values.cast(pl.Categorical)
        return values.gather(self.places)

    def rows_with(self, at: pl.Series, column: int, code: int) -> pl.DataFrame:
        """One row for each record whose value has ``at`` (Boolean, per value) set."""
        where = at if self.places is None else at.gather(self.places)
        rows = where.arg_true()
        values = rows if self.places is None else self.places.gather(rows)
        return _flags(rows, column, code, self.values.gather(values))


def _codes(parsed: Parsed) -> Iterator[tuple[int, pl.Series]]:
    """(position in ``CODES``, which values have it) for each code that was found."""
    for severity, position, at in parsed.findings():
        yield position + (FIRST_WARNING if severity == "warning" else 0), at


def _derive(frame: pl.DataFrame, field: Field, position: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A band made from its score; no score, no band. The band that was given is only compared."""
    rule = field.descriptor["derive"]
    band = frame.select(derive_band(rule, pl.col(rule["from"])).alias(field.name)).to_series()
    given = frame[field.name].cast(pl.String)
    rows = (given.is_not_null() & given.ne_missing(band)).arg_true()
    mismatch = _flags(rows, position, BAND_MISMATCH, None)
    return frame.with_columns(band.cast(pl.Categorical)), mismatch
