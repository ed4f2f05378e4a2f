"""One column of a chunk against its field: which rows break which rule.

Grain: one entry per row of the chunk's table. Text is judged once for each distinct value; where
a column has few of them, once for all columns with the same rules and all chunks of a process.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
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
Verdicts = npt.NDArray[np.int64]

_SAID_ONLY = ("name", "title", "description", "example", "licence", "unit", "kind", "rdfType")
_FEW, _FEW_BYTES = 4_000, 1 << 18  # distinct texts of a column whose verdicts are remembered
_MOST = 5_000  # texts of the same rules that are remembered
_PROBLEM, _MISSING, _WARNING = 0xFF, 8, 9  # a verdict: the problem's bits, where the others begin
_KNOWN: dict[str, dict[str | None, int]] = {}


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

    ``values`` (None where no key needs them) are typed, before constraints, null where missing or
    no value of the field; per row, or per distinct text with each row's ``places``. ``absent``
    tells which are missing, None where none is.
    """

    field: Field
    values: pl.Series | None
    absent: Mask | None
    found: tuple[Found, ...] = ()
    places: Rows | None = None

    @cached_property
    def missing(self) -> Mask | None:
        """Which rows have no value; None where every row has one."""
        return self.absent if self.absent is None else _spread(self.absent, self.places)

    def column(self) -> pl.Series:
        """The values, one per row."""
        values = self.values
        if values is None:
            raise ValueError(f"{self.field.name} is no column of a key")
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

    def rows(self, at: Mask) -> Rows:
        """Rows whose text has ``at`` set."""
        return np.flatnonzero(self.spread(at))

    def spread(self, at: Mask) -> Mask:
        """What holds for the texts, for each row."""
        return _spread(at, self.places)


def _spread(at: Mask, places: Rows | None) -> Mask:
    return at if places is None else at[places]


def judge_texts(
    schema: TableSchema, columns: Mapping[str, Text], keys: Collection[str]
) -> dict[str, Judged]:
    """Every column by the field of its name; of ``keys`` the values are told as well."""
    judged: dict[str, Judged] = {}
    alike: dict[str, list[str]] = {}
    for name, column in columns.items():
        if name in keys or not _is_few(column.texts):
            parsed = _parse(schema, name, column.texts)
            values = parsed.read if name in keys else None
            judged[name] = _judged(schema.by_name[name], values, column, _verdicts(parsed))
        else:
            rules = _rules(json.dumps(schema.by_name[name].descriptor))
            alike.setdefault(f"{rules}{schema.missing_values(name)}", []).append(name)
    for rules, names in alike.items():
        known = _KNOWN.setdefault(rules, {})
        texts = {name: columns[name].texts.to_list() for name in names}
        new = list(dict.fromkeys(t for listed in texts.values() for t in listed if t not in known))
        if new:
            parsed = _parse(schema, names[0], pl.Series(new, dtype=pl.String))
            known.update(zip(new, _verdicts(parsed).tolist(), strict=True))
        for name, listed in texts.items():
            verdicts = np.array([known[text] for text in listed], np.int64)
            judged[name] = _judged(schema.by_name[name], None, columns[name], verdicts)
        if len(known) > _MOST:
            known.clear()
    return judged


def _is_few(texts: pl.Series) -> bool:
    return texts.len() <= _FEW and texts.estimated_size() <= _FEW_BYTES


def _parse(schema: TableSchema, name: str, texts: pl.Series) -> Parsed:
    return parse_values(schema.by_name[name], schema.missing_values(name), texts, exact=True)


@lru_cache(maxsize=4096)
def _rules(descriptor: str) -> str:
    """What of a field decides about its values."""
    said = {k: v for k, v in json.loads(descriptor).items() if k not in _SAID_ONLY}
    return json.dumps(said, sort_keys=True)


def _verdicts(parsed: Parsed) -> Verdicts:
    """All that was said of each text in one number, 0 where nothing was."""
    problem = parsed.problem.to_numpy().astype(np.int64)
    missing = parsed.missing.to_numpy().astype(np.int64)
    return problem | missing << _MISSING | parsed.warning.to_numpy().astype(np.int64) << _WARNING


def _judged(field: Field, values: pl.Series | None, column: Text, verdicts: Verdicts) -> Judged:
    absent = (verdicts >> _MISSING & 1).astype(bool)
    return Judged(
        field=field,
        values=values,
        absent=absent if absent.any() else None,
        found=tuple(
            one
            for code, severity, at in _codes(verdicts)
            if len((one := Found(code, severity, field.name, column.rows(at))).rows)
        ),
        places=column.places,
    )


def _codes(verdicts: Verdicts) -> Iterator[tuple[str, Severity, Mask]]:
    """Code, severity and which texts have it, for each code that was found."""
    problems, warned = verdicts & _PROBLEM, verdicts >> _WARNING
    for number in np.flatnonzero(np.bincount(problems)).tolist():
        if number:
            yield PROBLEMS[number - 1], "error", problems == number
    every = int(np.bitwise_or.reduce(warned, initial=0))
    for bit, code in enumerate(WARNINGS):
        if every >> bit & 1:
            yield code, "warning", (warned >> bit & 1).astype(bool)
