"""The distinct cells of a CSV, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pc

_BLOCK = 16 << 20  # bytes; cells are distinct within one


def csv_cells(source: Any, names: Sequence[str]) -> Iterator[tuple[str, pl.Series]]:
    """(column, distinct texts) for each block of records of ``source``, whose header was read.

    Raises ArrowInvalid where a record has another number of cells.
    """
    read = pc.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=list(names))
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string())),
        strings_can_be_null=False,
        null_values=[],
    )
    parse = pc.ParseOptions(newlines_in_values=True)
    try:
        file: Any = pa.PythonFile(source, "r")  # a file object, which the stubs do not know
        reader = pc.open_csv(file, read, parse, convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise
    for batch in reader:
        columns: list[Any] = batch.columns
        for name, column in zip(batch.schema.names, columns, strict=True):
            yield name, pl.Series(column.dictionary, dtype=pl.String)
