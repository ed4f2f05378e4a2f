"""One chunk of a table against its schema: counts, a few places, and prints of its keys.

Grain: one row per record of the chunk. Ragged records are told as such and not looked into: which
cell belongs to which column is not known. Rows without any value are blank and break no other rule.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epc_release.release.check.job import Job, load_job
from epc_release.release.check.lines import Lines
from epc_release.release.check.prints import Printed, write_prints
from epc_release.release.check.reading import read
from epc_release.release.check.table import JudgedTable
from epc_release.release.source.model import Chunk, RawTable
from epc_release.schemas.checks import Severity
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

    rows: int
    tallies: tuple[Tally, ...]
    prints: dict[int, Printed]


def check_chunk(task: CheckTask) -> Checked:
    """Run one chunk; raises E207, E210, E213, E216, E230 and E232 where it cannot be read."""
    job = load_job(task.job)
    chunk = task.chunk
    target = job.target(chunk.part.table)
    raw, data = read(chunk, target.schema)
    lines = Lines(chunk, raw, data)
    keys = {name for one in job.prints if one.table == target.name for name in one.columns}
    table = JudgedTable.of(raw.table, target, chunk.part.name, keys)
    tallies = [*_records(chunk, raw, table, lines, job.samples)]
    for found in table.found():
        first = lines.of_rows(found.rows[: job.samples]) + chunk.first_line
        tallies.append(
            Tally(found.code, found.severity, found.field, len(found.rows), tuple(first.tolist()))
        )
    prints = _prints(job, task, table, lines)
    return Checked(raw.rows + len(lines.blank), tuple(tallies), prints)


def _records(
    chunk: Chunk, raw: RawTable, table: JudgedTable, lines: Lines, samples: int
) -> Iterator[Tally]:
    """Blank and ragged records."""
    empty, short, long = [lines.blank], [], []
    if table.blank is not None:
        empty.append(lines.of_rows(np.flatnonzero(table.blank)))
    if raw.ragged:
        places = lines.of_records(np.array([one.record for one in raw.ragged], np.int64))
        delimiter = chunk.part.csv.delimiter if chunk.part.csv else ","
        tokens = _tokens(chunk, table.schema)
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


def _tokens(chunk: Chunk, schema: TableSchema) -> list[tuple[str, ...]]:
    """What stands for a missing value, column by column."""
    names = [name or "" for name in chunk.part.match.columns]
    return [schema.missing_values(name) if name in schema.by_name else ("",) for name in names]


def _is_blank(text: str, delimiter: str, tokens: list[tuple[str, ...]]) -> bool:
    try:
        cells = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:  # a cell too large to be nothing
        return False
    return all(cell in missing for cell, missing in zip(cells, tokens, strict=False))


def _prints(job: Job, task: CheckTask, table: JudgedTable, lines: Lines) -> dict[int, Printed]:
    """The prints of a chunk's rows that its table's rules need; blank rows take no part."""
    made: dict[int, Printed] = {}
    for number, wanted in enumerate(job.prints):
        if wanted.table != task.chunk.part.table or not table.rows:
            continue
        found = table.key_digests(wanted.columns) if wanted.columns else table.row_digests()
        if found is not None:
            path = job.work / f"{task.number}-{number}.prints"
            digests, rows = found
            printed = write_prints(path, task.number, digests, lines.of_rows(rows), job.buckets)
            if printed:
                made[number] = printed
    return made
