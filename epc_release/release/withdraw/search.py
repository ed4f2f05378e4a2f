"""Which releases hold a record that is withdrawn: every part of every table is looked at.

What cannot be looked into is taken to hold it, unless its build knew of the opt-out already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl
import pyarrow.parquet as pq

from epc_release.anonymise.suppressions import canonical_key
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.reader import Reader
from epc_release.release.told import Told
from epc_release.release.withdraw.sought import Sought

_BATCH_ROWS = 1 << 17


@dataclass(frozen=True)
class Found:
    """What a release holds of the records: published rows by table that name one.

    ``unknown`` are tables that could not be looked into; ``since`` are the releases from which its
    lists of changes begin.
    """

    rows: dict[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    since: frozenset[str] = frozenset()

    @property
    def affected(self) -> bool:
        return bool(self.rows or self.unknown)


def search(reader: Reader, told: Told, sought: Sought) -> Found:
    """Look into a release whose description was read. Raises E50x."""
    rows: dict[str, int] = {}
    unknown = []
    since = frozenset(change.since for change in told.described.changes)
    if not sought.keys:
        return Found(since=since)
    for name, columns in sought.columns.items():
        table = told.tables.get(name)
        if table is None:
            continue
        wanted = _wanted(table, columns, sought, told.release)
        if wanted is None:
            if not sought.knew(told.release):
                unknown.append(name)
            continue
        count = sum(_hits(frame, wanted) for frame in _frames(reader, table, [*wanted]))
        if count:
            rows[name] = count
    return Found(rows, tuple(unknown), since)


def _wanted(
    table: DescribedTable, columns: tuple[str, ...], sought: Sought, release: str
) -> dict[str, pl.Series] | None:
    """By column what is looked for in it; None where the record cannot be known in this table."""
    found = {}
    for name in columns:
        if name in table.schema.by_name:
            values = sought.values(table.name, table.schema.by_name[name], release)
            if values is None:
                return None
            found[name] = values
    return found or None


def named(wanted: dict[str, pl.Series]) -> pl.Expr:
    """Whether a row names one of the records in any of these columns."""
    return pl.any_horizontal(
        canonical_key(pl.col(name)).is_in(values.implode()).fill_null(value=False)
        for name, values in wanted.items()
    )


def _hits(frame: pl.DataFrame, wanted: dict[str, pl.Series]) -> int:
    return int(frame.select(named(wanted).sum()).item())


def _frames(reader: Reader, table: DescribedTable, columns: list[str]) -> Iterator[pl.DataFrame]:
    for part in table.files:
        with reader.open(part.path) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=columns):
                frame = pl.from_arrow(batch)
                if isinstance(frame, pl.DataFrame):
                    yield frame
