"""A chunk as it is to be judged: text in dictionaries, columns of mostly distinct values plain."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from epc_release.release.source import csv, parquet
from epc_release.release.source.model import Chunk, RawTable
from epc_release.schemas.table import TableSchema

_BLOCK = 2 << 20  # bytes; what is parsed at once stays in the processor's cache
_MANY = 0.5  # share of distinct values from which a dictionary is no gain
_ENOUGH = 1_000  # rows before that can be told
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
    raw = csv.parse(data, chunk, plain=chunk.part.match.columns, block=_BLOCK)
    columns: dict[str, Any] = dict(zip(raw.table.column_names, raw.table.columns, strict=True))
    ragged = raw.ragged
    del raw  # so that each column of text goes as soon as it is coded
    _code(columns, chunk, schema)
    return RawTable(pa.table(columns), ragged), data


def _code(columns: dict[str, Any], chunk: Chunk, schema: TableSchema) -> None:
    """Make text of few values dictionaries: of whole columns that costs less than in the parser."""
    key = chunk.part.table, chunk.part.match.columns
    plain = _PLAIN.get(key, _keys(schema))
    many = set()
    for name in columns.keys() - plain:
        columns[name] = coded = columns[name].dictionary_encode()
        if _distinct(coded) > _MANY * max(len(coded), _ENOUGH):
            many.add(name)
    _PLAIN[key] = plain | many


def _distinct(column: pa.ChunkedArray[Any]) -> int:
    chunks: list[Any] = column.chunks  # with one dictionary
    return len(chunks[0].dictionary) if chunks else 0


def _keys(schema: TableSchema) -> frozenset[str]:
    """Columns that are keys by themselves."""
    unique = {field.name for field in schema.fields if field.constraints.get("unique")}
    return frozenset(unique | (set(schema.primary_key) if len(schema.primary_key) == 1 else set()))
