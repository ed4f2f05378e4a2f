"""One partition's Parquet part: zstd, row groups sized for remote reads, page index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.manifests.facts import FileFacts
from epc_release.release.write.sink import HashingSink

ROW_GROUP_ROWS = 122_880
COMPRESSION_LEVEL = 3  # higher ones cost more than they save (measured)


def write_part(
    root: Path,
    path: str,
    schema: pa.Schema,
    groups: Iterable[pa.Table],
    *,
    sorted_by: Sequence[str] = (),
    content_sha256: str | None = None,
) -> FileFacts:
    """Write ``groups`` (as ``to_arrow`` makes them) to ``root / path``, one row per record.

    Each is a row group: ``ROW_GROUP_ROWS`` rows, the last one what is left. ``sorted_by`` is
    recorded in the file: the rows must be sorted so, ascending, missing values first. The same rows
    give the same bytes. ``content_sha256`` is passed on into the facts.
    """
    order = [pq.SortingColumn(schema.get_field_index(c), nulls_first=True) for c in sorted_by]
    rows = 0
    with HashingSink(root, path) as sink:
        with pq.ParquetWriter(
            cast("IO[bytes]", sink),
            schema,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            write_page_index=True,
            sorting_columns=order or None,
        ) as writer:
            for group in groups:
                writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                rows += group.num_rows
        return sink.facts(rows, content_sha256)


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
