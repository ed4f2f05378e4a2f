"""One partition's Parquet part: zstd, row groups sized for remote reads, page index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import IOBase
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.costs import spent
from epc_release.manifests.facts import FileFacts
from epc_release.release.write.sink import HashingSink

ROW_GROUP_ROWS = 122_880
BUFFER_BYTES = 1 << 20  # Parquet is written in many small pieces
COMPRESSION_LEVEL = 3  # higher ones cost more than they save (measured)


@dataclass
class Part:
    """A part that is being written, one row per record."""

    sink: HashingSink
    writer: pq.ParquetWriter
    rows: int = 0
    pending: list[pa.Table] = field(default_factory=list)

    def write(self, rows: pa.Table) -> None:
        """Add rows, as ``to_arrow`` makes them; ``ROW_GROUP_ROWS`` of them are a row group."""
        self.pending.append(rows)
        self.rows += rows.num_rows
        if self.rows % ROW_GROUP_ROWS == 0:
            self.flush()

    @spent("Parquet")
    def flush(self) -> None:
        """Write the rows that wait for their row group to be full."""
        if self.pending:
            group = pa.concat_tables(self.pending)
            self.pending.clear()
            self.writer.write_table(group, row_group_size=ROW_GROUP_ROWS)

    def facts(self, content_sha256: str | None) -> FileFacts:
        """Of the closed file; ``content_sha256`` is passed on."""
        return self.sink.facts(self.rows, content_sha256)


@contextmanager
def open_part(
    root: Path, path: str, schema: pa.Schema, *, sorted_by: Sequence[str] = ()
) -> Iterator[Part]:
    """Begin the part ``root / path``; it is complete where the context is left without an error.

    ``sorted_by`` is recorded in the file: the rows must be sorted so, ascending, missing values
    first. The same rows give the same bytes.
    """
    order = [pq.SortingColumn(schema.get_field_index(c), nulls_first=True) for c in sorted_by]
    with (
        HashingSink(root, path) as sink,
        pa.BufferedOutputStream(pa.PythonFile(cast("IOBase", sink), "w"), BUFFER_BYTES) as buffer,
        pq.ParquetWriter(
            buffer,
            schema,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            write_page_index=True,
            sorting_columns=order or None,
        ) as writer,
    ):
        part = Part(sink, writer)
        yield part
        part.flush()


@spent("to Arrow")
def to_arrow(frame: pl.DataFrame, target: pa.Schema) -> pa.Table:
    """The frame's columns of this schema, as exactly this schema (see ``arrow_schema``).

    Categorical text is decoded, so that no value that was filtered away survives in a dictionary.
    Raises where a value would have to change.
    """
    coded = {name for name, dtype in frame.schema.items() if dtype == pl.Categorical}
    plain = frame.select(
        pl.col(name).cast(pl.String) if name in coded else pl.col(name) for name in target.names
    )
    return plain.to_arrow().cast(target)
