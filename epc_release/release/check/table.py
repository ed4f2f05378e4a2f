"""The columns of one chunk, judged: what is blank, what is wrong, and digests of its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from epc_release.release.check.columns import Found, Judged, Mask, Rows, Text, judge_texts
from epc_release.release.check.files import EXTRA
from epc_release.release.check.targets import Target
from epc_release.release.check.typed import any_text, as_text, judge_typed
from epc_release.schemas.checks import KeyCheck
from epc_release.schemas.checks.keys import coded_digest
from epc_release.schemas.table import TableSchema


@dataclass(frozen=True)
class JudgedTable:
    """``texts`` of all columns as read, by our name in the order of the header; ``judged`` are
    those that the schema has."""

    schema: TableSchema
    rows: int
    texts: dict[str, Text]
    judged: dict[str, Judged]

    @classmethod
    def of(cls, table: pa.Table, target: Target, file: str, keys: Collection[str]) -> JudgedTable:
        """Judge a chunk's columns; raises E232 where Parquet has values without a text.

        ``keys`` are the columns that ``key_digests`` will be asked for.
        """
        schema, spelling = target.schema, target.spelling
        texts: dict[str, Text] = {}
        typed: dict[str, pa.ChunkedArray[Any]] = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            field = schema.by_name.get(name)
            text = as_text(field, column, file) if field else None
            if field and text is None:
                typed[name] = column
            if text is not None and spelling is not None:
                text = spelling.brought(name, text)
            texts[name] = any_text(column, file, _shown(name)) if text is None else text
        own = {name: text for name, text in texts.items() if name in schema.by_name}
        judged = judge_texts(schema, {n: t for n, t in own.items() if n not in typed}, keys)
        judged |= {name: judge_typed(schema.by_name[name], c) for name, c in typed.items()}
        return cls(schema, table.num_rows, texts, judged)

    @cached_property
    def blank(self) -> Mask | None:
        """Which rows have no value in any column; None where there is none."""
        if not self.rows or any(one.absent is None for one in self.judged.values()):
            return None
        blank = np.ones(self.rows, bool)
        for one in self.judged.values():
            blank &= one.missing
            if not blank.any():
                return None
        for name, text in self.texts.items():
            if name not in self.judged and blank.any():
                blank &= text.spread((text.texts.fill_null("") == "").to_numpy())
        return blank if blank.any() else None

    def found(self) -> Iterator[Found]:
        """Everything that is wrong with values, field by field as the schema has them."""
        for field in self.schema.fields:
            judged = self.judged.get(field.name)
            if judged is None:
                continue
            needed = field.required or field.name in self.schema.primary_key
            if needed and judged.missing is not None:
                absent = judged.missing if self.blank is None else judged.missing & ~self.blank
                if absent.any():
                    yield Found("required", "error", field.name, np.flatnonzero(absent))
            yield from judged.found

    def key_digests(self, columns: tuple[str, ...]) -> tuple[pl.DataFrame, Rows] | None:
        """Digests (h1, h2) of a key and the rows that have one; None where a column is missing."""
        if not set(columns) <= set(self.judged):
            return None  # which is an error by itself
        frame = pl.DataFrame([self.judged[name].column() for name in columns])
        found = KeyCheck("unique", "", columns).digests(frame)
        return found, found.get_column("row").to_numpy().astype(np.int64)

    def row_digests(self) -> tuple[pl.DataFrame, Rows]:
        """Digests (h1, h2) of all cells, and the rows, blank ones left out.

        Fields come in the order of the schema, then what else there is.
        """
        names = [name for name in self.schema.names if name in self.texts]
        names += [name for name in self.texts if name.startswith(EXTRA)]
        found = coded_digest([(self.texts[n].texts, self.texts[n].places) for n in names])
        if self.blank is None:
            return found, np.arange(self.rows)
        rows = np.flatnonzero(~self.blank)
        return found[pl.Series(rows)], rows


def _shown(name: str) -> str:
    """A column's name, or its place (from 1) where the schema does not have it."""
    return f"{int(name[len(EXTRA) :]) + 1}" if name.startswith(EXTRA) else name
