"""A chunk as it is to be judged: text in dictionaries, columns of mostly distinct values plain."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from epc_release.release.source import csv, cut, parquet
from epc_release.release.source.model import Chunk, RawTable
from epc_release.schemas.table import TableSchema

_SAMPLE = 1 << 20  # bytes that a file's columns are first judged by
_MANY = 0.9  # share of distinct values from which a dictionary is no gain
_PLAIN: dict[tuple[str, tuple[str | None, ...]], frozenset[str]] = {}


def read(chunk: Chunk, schema: TableSchema) -> tuple[RawTable, bytes | None]:
    """The records of a chunk, and its bytes where it is text.

    Of Parquet the columns are as stored. Which columns are read plain is learnt for each process;
    nothing but speed depends on it.
    """
    if chunk.part.kind == "parquet":
        names = zip(chunk.part.header, chunk.part.match.columns, strict=True)
        ours = {stored: our for stored, our in names if our is not None}
        table = parquet.read_typed(chunk, list(ours))
        return RawTable(table.rename_columns(list(ours.values()))), None
    data = csv.read_bytes(chunk)
    if not csv.has_records(data):
        return RawTable(pa.table({})), data
    return csv.parse(data, chunk, None, _plain(data, chunk, schema)), data


def _plain(data: bytes, chunk: Chunk, schema: TableSchema) -> frozenset[str]:
    key = chunk.part.table, chunk.part.match.columns
    if key not in _PLAIN:
        _PLAIN[key] = _keys(schema) | _many(data, chunk)
    return _PLAIN[key]


def _keys(schema: TableSchema) -> frozenset[str]:
    """Columns that are keys by themselves."""
    unique = {field.name for field in schema.fields if field.constraints.get("unique")}
    return frozenset(unique | (set(schema.primary_key) if len(schema.primary_key) == 1 else set()))


def _many(data: bytes, chunk: Chunk) -> frozenset[str]:
    """Columns that have hardly a value twice at the beginning of the chunk."""
    delimiter = chunk.part.csv.delimiter.encode() if chunk.part.csv else b","
    start = data[:_SAMPLE]
    start = start[: cut.last_end(start, cut.quotes(start, delimiter), final=False)] or data
    sample = csv.parse(start, chunk).table
    arrays: list[Any] = [column.combine_chunks() for column in sample.columns]
    return frozenset(
        name
        for name, array in zip(sample.column_names, arrays, strict=True)
        if len(array.dictionary) > _MANY * sample.num_rows
    )
