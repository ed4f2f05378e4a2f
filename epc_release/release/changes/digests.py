"""Digests of the rows of one partition, spilt by bucket of their key.

Grain: one row per record of the file: its number (from 0), the two halves of the digest of its key
and of the whole record. Of a table without a key the record is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.release.spill import Spill, write_spill
from epc_release.schemas.checks.keys import key_digest, row_digest

BATCH_ROWS = 1 << 16
_SPILL_ROWS, _CODED_ROWS = 1 << 20, 1 << 18
ROW, BUCKET = "row", "bucket"
KEY, RECORD = ("k1", "k2"), ("r1", "r2")


@dataclass(frozen=True)
class DigestTask:
    """The ``file`` of the partition at ``position``; spills are named ``target`` and a number."""

    position: int
    file: Path
    key: tuple[str, ...]
    buckets: int
    target: Path


def digest(task: DigestTask) -> tuple[Spill, ...]:
    """Run one partition, ``_SPILL_ROWS`` at a time."""
    spills: list[Spill] = []
    held: list[pl.DataFrame] = []
    for start, rows in frames(task.file, coded=True):
        held.append(_digests(rows, task.key, start))
        if sum(len(each) for each in held) >= _SPILL_ROWS:
            spills.append(_spill(task, len(spills), held))
    if held:
        spills.append(_spill(task, len(spills), held))
    return tuple(spills)


def frames(file: Path, *, coded: bool = False) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of a part, and the number of the first of them, a batch at a time.

    ``coded``: text is Categorical, of which each value is decoded and digested once; not that of
    a large file, since all its values would stay in memory until its end.
    """
    start = 0
    schema = pq.read_schema(file)
    texts = [name for name in schema.names if schema.field(name).type == pa.string()]
    coded = coded and pq.read_metadata(file).num_rows <= _CODED_ROWS
    names = texts if coded else None
    with pq.ParquetFile(file, read_dictionary=names, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(BATCH_ROWS, use_threads=False):
            found = pl.DataFrame(pl.from_arrow(batch))
            yield start, found
            start += found.height


def record_digests(rows: pl.DataFrame) -> pl.DataFrame:
    """Digests of whole records, as columns ``RECORD``."""
    return row_digest(rows).rename(dict(zip(("h1", "h2"), RECORD, strict=True)))


def _digests(rows: pl.DataFrame, key: tuple[str, ...], start: int) -> pl.DataFrame:
    records = record_digests(rows)
    keys = key_digest(rows, key).rename(dict(zip(("h1", "h2"), KEY, strict=True))) if key else None
    both = keys.hstack(records) if keys is not None else records.with_columns(k1="r1", k2="r2")
    numbers = pl.int_range(start, start + rows.height, dtype=pl.UInt32, eager=True).alias(ROW)
    return both.select(numbers, *KEY, *RECORD)


def _spill(task: DigestTask, number: int, held: list[pl.DataFrame]) -> Spill:
    rows = pl.concat(held)
    held.clear()
    label = (pl.col(KEY[0]) % task.buckets).cast(pl.String).alias(BUCKET)
    path = task.target.with_name(f"{task.target.name}-{number}")
    return write_spill(path, rows.with_columns(label), BUCKET, drop_label=True)
