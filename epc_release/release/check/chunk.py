"""One chunk of a table against its schema: counts, a few places, and prints of its keys.

Grain: one row per record of the chunk. Ragged records are told as such and not looked into: which
cell belongs to which column is not known. Rows without any value are blank and break no other rule.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from epc_release.release.check.columns import Found, Judged, Mask, Text, judge_texts
from epc_release.release.check.files import EXTRA
from epc_release.release.check.job import Job, load_job
from epc_release.release.check.lines import Lines
from epc_release.release.check.prints import Printed, row_prints, write_prints
from epc_release.release.check.reading import read
from epc_release.release.check.typed import as_text, judge_typed
from epc_release.release.source.model import Chunk, RawTable
from epc_release.schemas.checks import KeyCheck, Severity
from epc_release.schemas.table import TableSchema


@dataclass(frozen=True)
class CheckTask:
    """One chunk; ``number`` is unique among all of the check."""

    job: Path
    chunk: Chunk
    number: int


@dataclass(frozen=True)
class Tally:
    """One code of one field in one chunk: how many rows, and the first few lines of them.

    Lines are physical (Parquet: rows), from 1.
    """

    code: str
    severity: Severity
    field: str
    count: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Checked:
    """What was found in a chunk; ``prints`` by their place in ``Job.prints``."""

    number: int
    rows: int
    tallies: tuple[Tally, ...]
    prints: dict[int, Printed]


def check_chunk(task: CheckTask) -> Checked:
    """Run one chunk; raises E207, E210, E213, E216, E230 and E232 where it cannot be read."""
    job = load_job(task.job)
    chunk = task.chunk
    schema = job.target(chunk.part.table).schema
    raw, data = read(chunk, schema)
    lines = Lines(chunk, raw, data)
    table = _Table.of(raw, schema, chunk.part.name)
    blank = table.blank
    tallies = [*_records(chunk, raw, schema, lines, blank, job.samples)]
    for found in table.found(blank):
        first = lines.of_rows(found.rows[: job.samples]) + chunk.first_line
        tallies.append(
            Tally(found.code, found.severity, found.field, len(found.rows), tuple(first.tolist()))
        )
    prints = _prints(job, task, table, lines)
    return Checked(task.number, raw.rows + len(lines.blank), tuple(tallies), prints)


def _records(
    chunk: Chunk,
    raw: RawTable,
    schema: TableSchema,
    lines: Lines,
    blank: Mask | None,
    samples: int,
) -> Iterator[Tally]:
    """Blank and ragged records."""
    empty, short, long = [lines.blank], [], []
    if blank is not None:
        empty.append(lines.of_rows(np.flatnonzero(blank)))
    if raw.ragged:
        places = lines.of_records(np.array([one.record for one in raw.ragged], np.int64))
        delimiter = chunk.part.csv.delimiter if chunk.part.csv else ","
        tokens = [schema.missing_values(n) if n in schema.by_name else ("",) for n in _names(chunk)]
        for one, place in zip(raw.ragged, places.tolist(), strict=True):
            if one.actual > one.expected:
                long.append(place)
            elif _is_blank(one.text, delimiter, tokens):
                empty.append(np.array([place], np.int64))
            else:
                short.append(place)
    for code, found in (
        ("blank-row", np.sort(np.concatenate(empty))),
        ("missing-value", np.array(short, np.int64)),
        ("extra-value", np.array(long, np.int64)),
    ):
        if len(found):
            first = tuple((found[:samples] + chunk.first_line).tolist())
            yield Tally(code, "error", "", len(found), first)


def _is_blank(text: str, delimiter: str, tokens: list[tuple[str, ...]]) -> bool:
    cells = next(csv.reader([text], delimiter=delimiter), [])
    return all(cell in missing for cell, missing in zip(cells, tokens, strict=False))


def _names(chunk: Chunk) -> list[str]:
    return [name or "" for name in chunk.part.match.columns]


@dataclass(frozen=True)
class _Table:
    """The columns of a chunk: ``texts`` as read, by our name in the order of the header."""

    schema: TableSchema
    rows: int
    texts: dict[str, Text]
    judged: dict[str, Judged]

    @classmethod
    def of(cls, raw: RawTable, schema: TableSchema, file: str) -> _Table:
        texts: dict[str, Text] = {}
        typed: dict[str, pa.ChunkedArray[Any]] = {}
        for name, column in zip(raw.table.column_names, raw.table.columns, strict=True):
            field = schema.by_name.get(name)
            text = as_text(field, column, file) if field else _any_text(column)
            if text is None:
                typed[name] = column
            else:
                texts[name] = text
        judged = judge_texts(schema, {n: t for n, t in texts.items() if n in schema.by_name})
        judged |= {name: judge_typed(schema.by_name[name], c) for name, c in typed.items()}
        texts |= {name: _digestible(judged[name].values) for name in typed}
        return cls(schema, raw.table.num_rows, texts, judged)

    @property
    def blank(self) -> Mask | None:
        """Which rows have no value in any column; None where there is none."""
        if not self.rows or any(one.missing is None for one in self.judged.values()):
            return None
        blank = np.ones(self.rows, bool)
        for one in self.judged.values():
            blank &= one.missing
        for name, text in self.texts.items():
            if name not in self.judged and blank.any():
                blank &= text.spread(text.texts.fill_null("") == "")
        return blank if blank.any() else None

    def found(self, blank: Mask | None) -> Iterator[Found]:
        """Everything that is wrong with values, field by field as the schema has them."""
        for field in self.schema.fields:
            judged = self.judged.get(field.name)
            if judged is None:
                continue
            needed = field.required or field.name in self.schema.primary_key
            if needed and judged.missing is not None:
                absent = judged.missing if blank is None else judged.missing & ~blank
                if absent.any():
                    yield Found("required", "error", field.name, np.flatnonzero(absent))
            yield from judged.found


def _any_text(column: pa.ChunkedArray[Any]) -> Text:
    """A column that the schema does not have, as text to be compared."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return Text(pl.Series([repr(one) for one in column.to_pylist()], dtype=pl.String))
    return Text.of(column if kind == pa.string() else column.cast(pa.string()))


def _digestible(values: pl.Series) -> Text:
    return Text(values.cast(pl.String))


def _prints(job: Job, task: CheckTask, table: _Table, lines: Lines) -> dict[int, Printed]:
    """The prints of a chunk's rows that its table's rules need; blank rows take no part."""
    made: dict[int, Printed] = {}
    for number, wanted in enumerate(job.prints):
        if wanted.table != task.chunk.part.table or not table.rows:
            continue
        if wanted.columns:
            if not set(wanted.columns) <= set(table.judged):
                continue  # a column is missing, which is an error by itself
            frame = pl.DataFrame([table.judged[name].column() for name in wanted.columns])
            found = KeyCheck("unique", "", wanted.columns).digests(frame)
            digests, rows = found, found.get_column("row").to_numpy().astype(np.int64)
        else:
            digests, rows = _whole_rows(table)
        path = job.work / f"{task.number}-{number}.prints"
        printed = write_prints(path, task.number, digests, lines.of_rows(rows), job.buckets)
        if printed:
            made[number] = printed
    return made


def _whole_rows(table: _Table) -> tuple[pl.DataFrame, np.ndarray]:
    """Digests of all cells, fields in the order of the schema, then what else there is."""
    names = [name for name in table.schema.names if name in table.texts]
    names += [name for name in table.texts if name.startswith(EXTRA)]
    columns = [(table.texts[name].texts, table.texts[name].places) for name in names]
    digests = row_prints(columns)
    blank = table.blank
    rows = np.arange(table.rows) if blank is None else np.flatnonzero(~blank)
    return (digests if blank is None else digests[pl.Series(rows)]), rows
