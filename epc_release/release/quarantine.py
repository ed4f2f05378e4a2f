"""Quarantine: every rejected record and every cell published missing, kept raw and private.

Columns: table, file (as given), row (Int64, number of the record in its file, from 1), line (Int64,
physical line where it starts; missing where it was decided later), column (missing for a whole
record), code, raw (the raw cell, or the record as it stood or as JSON of what was to be published).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from epc_release.release.disk import private_folder

SCHEMA = {
    "table": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "line": pl.Int64,
    "column": pl.String,
    "code": pl.String,
    "raw": pl.String,
}


def of_records(table: str, rows: pl.DataFrame, published: Sequence[str]) -> pl.DataFrame:
    """Records refused after their chunk was read; ``__chunk``, ``__row`` and ``__code`` say it.

    Their text is that of the columns ``published``; without any it is missing.
    """
    shown = pl.struct(pl.col(published).cast(pl.String)).struct.json_encode() if published else None
    return rows.select(
        pl.col("__chunk").alias("chunk"),
        pl.lit(table).alias("table"),
        pl.col("__row").cast(pl.Int64).alias("row") + 1,
        pl.col("__row").cast(pl.UInt32),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit(None, pl.String).alias("column"),
        pl.col("__code").alias("code"),
        pl.lit(None, pl.String).alias("raw") if shown is None else shown.alias("raw"),
    )


def write(folder: Path, name: str, rows: pl.DataFrame) -> None:
    """One part of the quarantine; a part of no rows is not written."""
    if len(rows):
        path = folder / f"{name}.parquet"
        rows.write_parquet(path)
        path.chmod(0o600)


def gather(
    folder: Path, target: Path, chunks: Sequence[tuple[str, int]], left_out: pl.DataFrame
) -> dict[str, int]:
    """Merge the parts in ``folder`` into one file per table in ``target``; rows by table.

    ``chunks`` gives each chunk's file and the number of records before it, so that ``row`` counts
    from the beginning of the file. Nothing is kept of the records ``left_out`` (``chunk`` and
    ``__row``, UInt32).
    """
    places = pl.DataFrame(
        {
            "chunk": pl.Series(range(len(chunks)), dtype=pl.UInt32),
            "file": pl.Series([file for file, _ in chunks], dtype=pl.String),
            "before": pl.Series([before for _, before in chunks], dtype=pl.Int64),
        }
    )
    found = sorted(folder.glob("*.parquet"))
    counts: dict[str, int] = {}
    if not found:
        return counts
    private_folder(target)
    parts = pl.scan_parquet(found).join(left_out.lazy(), on=["chunk", "__row"], how="anti")
    merged = (
        parts.join(places.lazy(), on="chunk", how="left")
        .with_columns(row=pl.col("row") + pl.col("before"))
        .select(list(SCHEMA))
    )
    tables = parts.select(pl.col("table").unique()).collect().to_series()
    for table in tables.sort():
        path = target / f"{table}.parquet"
        merged.filter(pl.col("table") == table).sink_parquet(path)
        path.chmod(0o600)
        counts[table] = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    return counts
