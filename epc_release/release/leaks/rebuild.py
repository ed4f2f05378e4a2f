"""A Parquet part written again from its own rows: equal bytes prove that it holds nothing else.

What the writer puts into a file follows from the rows, their order and the schema alone, and the
schema is the descriptor's. So a file that is equal to what its rows give has no value in a
dictionary, statistic or gap that no row has. Only the same writer gives the same bytes.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.manifests.issues import SCHEMA as ISSUES_SCHEMA
from epc_release.manifests.layout import ISSUES
from epc_release.release.write.parquet import open_part


def same_writer(file: pq.ParquetFile) -> bool:
    """Whether the file says that it was made by the library that would write it again."""
    return str(file.metadata.created_by) == f"parquet-cpp-arrow version {pa.__version__}"


def rebuilt(
    path: str, file: pq.ParquetFile, table: pa.Table, schema: pa.Schema, block: int
) -> bytes:
    """The bytes that the rows of ``table``, read from ``file``, give under ``schema``.

    They are written ``block`` rows at a time, as they were: pages depend on it.

    Raises ArrowException where the rows do not have the schema.
    """
    if path == ISSUES:
        sink = io.BytesIO()
        records = table.replace_schema_metadata(None).to_pylist()
        pq.write_table(
            pa.Table.from_pylist(records, schema=ISSUES_SCHEMA), sink, compression="zstd"
        )
        return sink.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        with open_part(Path(folder), "part", schema, sorted_by=_order(file, schema)) as part:
            for start in range(0, table.num_rows, block):
                piece = table.slice(start, block).combine_chunks()
                part.write(pa.Table.from_arrays(piece.columns, schema=schema))
        return (Path(folder) / "part").read_bytes()


def texts(column: pa.ChunkedArray[Any]) -> pl.Series:
    """The distinct values of a column as text."""
    values = pl.Series(column)
    return values.drop_nulls().unique().cast(pl.String)


def _order(file: pq.ParquetFile, schema: pa.Schema) -> list[str]:
    """The columns by which the file says that it is sorted."""
    if not file.metadata.num_row_groups:
        return []
    return [schema.names[c.column_index] for c in file.metadata.row_group(0).sorting_columns or ()]
