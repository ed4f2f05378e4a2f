"""One column of a chunk against its field: which rows break which rule.

Grain: one entry per row of the chunk's table. Text is judged once for each distinct value and,
where several columns have the same rules, once for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from epc_release.schemas.checks import Severity
from epc_release.schemas.parse import PROBLEMS, WARNINGS, Parsed, parse_values
from epc_release.schemas.table import Field, TableSchema

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SAID_ONLY = ("name", "title", "description", "example", "licence", "unit", "kind", "rdfType")
_TOGETHER = 20_000  # distinct texts; more of them gain nothing from being judged with others


@dataclass(frozen=True)
class Found:
    """Rows of one column (``field``, empty: the row as a whole) that break one rule."""

    code: str
    severity: Severity
    field: str
    rows: Rows


@dataclass(frozen=True)
class Judged:
    """A column that has been looked at.

    ``missing`` (Boolean per row) is None where every row has a value. ``values`` are typed, before
    constraints, null where missing or no value of the field; per row, or per distinct text with
    each row's ``places``.
    """

    field: Field
    values: pl.Series
    missing: Mask | None
    found: tuple[Found, ...] = ()
    places: Rows | None = None

    def column(self) -> pl.Series:
        """The values, one per row."""
        values = self.values
        if self.places is not None:
            values = values.gather(pl.Series(self.places))
        return values.alias(self.field.name)


@dataclass(frozen=True)
class Text:
    """A column of text: ``texts`` per row, or distinct with each row's ``places`` among them.

    Null texts are missing (Parquet has them).
    """

    texts: pl.Series
    places: Rows | None = None

    @classmethod
    def of(cls, column: pa.ChunkedArray[Any]) -> Text:
        """From text or a dictionary of text."""
        array: Any = column.combine_chunks()
        if not pa.types.is_dictionary(array.type):
            return cls(pl.Series(array, dtype=pl.String))
        texts, codes = pl.Series(array.dictionary, dtype=pl.String), array.indices
        if codes.null_count:
            codes = codes.fill_null(texts.len())
            texts = pl.concat([texts, pl.Series(texts.name, [None], dtype=pl.String)])
        return cls(texts, pl.Series(codes).to_numpy())  # pyarrow would import pandas

    def rows(self, at: pl.Series) -> Rows:
        """Rows whose text has ``at`` (Boolean, per text) set."""
        return np.flatnonzero(self.spread(at))

    def spread(self, at: pl.Series) -> Mask:
        """What holds for the texts (Boolean), for each row."""
        mask = at.to_numpy()
        return mask if self.places is None else mask[self.places]


def judge_texts(schema: TableSchema, columns: Mapping[str, Text]) -> dict[str, Judged]:
    """Every column by the field of its name."""
    judged: dict[str, Judged] = {}
    for names in _alike(schema, columns):
        first = schema.by_name[names[0]]
        texts = [columns[name].texts for name in names]
        joined = pl.concat([text.alias("text") for text in texts]) if len(texts) > 1 else texts[0]
        parsed = parse_values(first, schema.missing_values(first.name), joined, exact=True)
        codes = list(_codes(parsed))
        any_missing = parsed.missing.any()
        start = 0
        for name, text in zip(names, texts, strict=True):
            place = slice(start, start + text.len())
            start += text.len()
            absent = columns[name].spread(parsed.missing[place]) if any_missing else None
            found = (
                Found(code, severity, name, columns[name].rows(at[place]))
                for code, severity, at in codes
                if at[place].any()
            )
            judged[name] = Judged(
                field=schema.by_name[name],
                values=parsed.read[place],
                missing=absent if absent is not None and absent.any() else None,
                found=tuple(one for one in found if len(one.rows)),
                places=columns[name].places,
            )
    return judged


def _alike(schema: TableSchema, columns: Mapping[str, Text]) -> Iterator[list[str]]:
    """Names of columns that have the same rules; those of many texts by themselves."""
    groups: dict[str, list[str]] = {}
    for name, column in columns.items():
        if column.texts.len() > _TOGETHER:
            yield [name]
        else:
            rules = _rules(json.dumps(schema.by_name[name].descriptor))
            groups.setdefault(f"{rules}{schema.missing_values(name)}", []).append(name)
    yield from groups.values()


@lru_cache(maxsize=4096)
def _rules(descriptor: str) -> str:
    """What of a field decides about its values."""
    said = {k: v for k, v in json.loads(descriptor).items() if k not in _SAID_ONLY}
    return json.dumps(said, sort_keys=True)


def _codes(parsed: Parsed) -> Iterator[tuple[str, Severity, pl.Series]]:
    """Code, severity and which texts have it, for each code that was found."""
    for severity, position, at in parsed.findings():
        yield (PROBLEMS if severity == "error" else WARNINGS)[position], severity, at
