"""The tables beside the records: from cells that were counted to files of the release.

A table holds every combination of the values that occur, so that a cell without records cannot be
told from one of too few: both are missing. Only where the published records give the table anyway,
all counts stand as they are, 0 included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod

import polars as pl

from epc_release.anonymise.aggregates import ALL, CONFIDENTIAL, COUNT, SYMBOL, Aggregate
from epc_release.anonymise.cellkey import perturb, round_counts
from epc_release.errors import ReleaseError
from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.content import csv_header, csv_lines
from epc_release.manifests.facts import AggregateFacts, FileFacts
from epc_release.manifests.layout import aggregate_path
from epc_release.release.cells import KEYS, RECORDS, add_up
from epc_release.release.context import Context
from epc_release.release.finish import Finished
from epc_release.release.write.fragments import BLOCK_ROWS
from epc_release.release.write.parquet import open_part, to_arrow
from epc_release.release.write.sink import HashingSink
from epc_release.schemas.table import TableSchema

MOST_CELLS = 5_000_000


def make_aggregates(
    context: Context, finished: Collection[Finished], taken: dict[str, frozenset[str] | None]
) -> tuple[AggregateFacts, ...]:
    """Write ``aggregates/`` of the release; tables without published records have none.

    ``taken`` is by table what suppression took: the columns of which cells are starred, or None
    where it dropped rows. Raises E192.
    """
    cells = add_up(done.cells for done in finished)
    made = []
    for aggregate in context.job.policy.aggregates:
        if aggregate.id in cells:
            exact = given(aggregate, taken.get(aggregate.table, frozenset()))
            table = publish(aggregate, tabulate(aggregate, cells[aggregate.id]), exact=exact)
            made.append(_write(context, aggregate, table, exact=exact))
    return tuple(made)


def given(aggregate: Aggregate, taken: frozenset[str] | None) -> bool:
    """Whether the published records give the table exactly."""
    if aggregate.protection == "none-exact":
        return True  # counted from the published records themselves
    return aggregate.exact and taken is not None and not taken & aggregate.told


def tabulate(aggregate: Aggregate, cells: pl.DataFrame) -> pl.DataFrame:
    """All cells of a table and its margins, in order; ``records`` and ``keys`` are 0 in empty ones.

    Raises E192.
    """
    values = {name: cells[name].unique() for name in aggregate.names}
    _check(aggregate, values)
    parts = [_product(cells, values, aggregate.names)]
    for margin in aggregate.margins:
        sums = (pl.col(RECORDS).sum(), pl.col(KEYS).sum())
        summed = cells.group_by(margin).agg(*sums) if margin else cells.select(*sums)
        whole = (pl.lit(ALL).alias(name) for name in aggregate.names if name not in margin)
        parts.append(_product(summed, values, margin).with_columns(*whole))
    columns = [*aggregate.names, RECORDS, KEYS]
    return pl.concat([part.select(columns) for part in parts]).sort(
        [key for name in aggregate.names for key in (pl.col(name).ne_missing(ALL), pl.col(name))],
        nulls_last=True,
    )


def _product(
    cells: pl.DataFrame, values: dict[str, pl.Series], names: tuple[str, ...]
) -> pl.DataFrame:
    """The cells of every combination of values."""
    if not names:
        return cells
    first, *others = names
    every = values[first].to_frame()
    for name in others:
        every = every.join(values[name].to_frame(), how="cross")
    return every.join(cells, on=list(names), how="left", nulls_equal=True).with_columns(
        pl.col(RECORDS, KEYS).fill_null(0)
    )


def _check(aggregate: Aggregate, values: dict[str, pl.Series]) -> None:
    size = prod(len(found) for found in values.values())
    if size > MOST_CELLS:
        problem = f"it has {size} cells, more than {MOST_CELLS}"
        raise ReleaseError("E192", aggregate=aggregate.id, problem=problem)
    for name, found in values.items():
        if aggregate.margins and ALL in found:
            problem = f"dimension {name} has the value {ALL}, which stands for a margin"
            raise ReleaseError("E192", aggregate=aggregate.id, problem=problem)


def publish(aggregate: Aggregate, table: pl.DataFrame, *, exact: bool) -> pl.DataFrame:
    """The published columns of a tabulated table, its counts protected unless ``exact``."""
    if exact or aggregate.threshold is None:
        told = table.with_columns(pl.col(RECORDS).alias(COUNT))
    elif aggregate.ptable is not None:
        told = perturb(table, aggregate.ptable, aggregate.threshold)
    else:
        told = round_counts(table, aggregate.round_to or 1, aggregate.threshold)
    symbol = pl.when(pl.col(COUNT).is_null()).then(pl.lit(CONFIDENTIAL)).alias(SYMBOL)
    return told.with_columns(symbol).select(*aggregate.names, COUNT, SYMBOL)


def _write(
    context: Context, aggregate: Aggregate, table: pl.DataFrame, *, exact: bool
) -> AggregateFacts:
    schema = aggregate.schema()
    csv, parquet = _files(context, aggregate.id, schema, table)
    return AggregateFacts(
        name=aggregate.id,
        title=aggregate.title,
        table=aggregate.table,
        schema=schema,
        csv=csv,
        parquet=parquet,
        where=aggregate.where_text,
        protection="none" if exact else aggregate.protection,
        threshold=None if exact else aggregate.threshold,
        round_to=None if exact else aggregate.round_to,
        ptable=aggregate.ptable.name if aggregate.ptable and not exact else None,
    )


def _files(
    context: Context, name: str, schema: TableSchema, table: pl.DataFrame
) -> Iterator[FileFacts]:
    root = context.job.release
    with HashingSink(root, aggregate_path(name, "csv")) as sink:
        sink.write(csv_header(schema.names))
        sink.write(csv_lines(table).data)
    yield sink.facts(len(table))
    target = arrow_schema(schema)
    with open_part(root, aggregate_path(name, "parquet"), target) as part:
        for start in range(0, len(table), BLOCK_ROWS):
            part.write(to_arrow(table.slice(start, BLOCK_ROWS), target))
    yield part.facts(None)
