"""Measured again: the key sets of a table, on the files that were written.

Grain: the finished Parquet parts of one group of partitions, decoded as anybody would. Only the
units, which no file holds, are joined to them by row position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.anonymise.risk import Cells, Marginal, Summary, marginal, summarise, tabulate
from epc_release.anonymise.suppression import UNIT
from epc_release.costs import spent
from epc_release.manifests.facts import FileFacts
from epc_release.release.context import TablePlan
from epc_release.schemas.checks.keys import row_digest

Worst = tuple[float, str | None]


@dataclass(frozen=True)
class Measured:
    """``summaries`` by key set; ``worst`` of each the partition with the greatest expected share of
    units that somebody finds who links all of them, and that share. ``alone``: records that no
    other equals in all that is published but identifiers; ``marginals`` are what the files add to
    each sensitive column's distribution."""

    summaries: Mapping[str, Summary]
    worst: Mapping[str, Worst]
    marginals: Mapping[str, Marginal]
    alone: int


class Alone:
    """Counts records that are like no other, block by block, by 128-bit digests."""

    def __init__(self, plan: TablePlan) -> None:
        rules = plan.job.policy.tables[plan.table.name]
        identifiers = {n for n, each in rules.items() if each.column_class == "identifier"}
        self._names = [n for n in plan.published if n not in identifiers]
        self._digests: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        self._digests.append(row_digest(rows.select(self._names)))

    def count(self) -> int:
        if not self._digests:
            return 0
        return int(pl.concat(self._digests).select(pl.struct("h1", "h2").is_unique().sum()).item())


@spent("measure again")
def measure_again(
    plan: TablePlan,
    release: Path,
    parts: Sequence[FileFacts],
    units: pl.Series | None,
    marginals: Mapping[str, Marginal],
    alone: int,
) -> Measured:
    """Measure the key sets on ``parts``, whose rows have ``units`` (UInt64) in their order.

    ``marginals`` are the whole table's.
    """
    names = list(dict.fromkeys(name for each in plan.risk for name in each.columns))
    tables = (
        pq.read_table(release / part.path, columns=names, partitioning=None) for part in parts
    )
    frame = pl.DataFrame(pl.from_arrow(pa.concat_tables(tables).select(names)))
    if units is not None:
        frame = frame.with_columns(units.alias(UNIT))
    summaries, worst = {}, {}
    for each in plan.risk:
        columns = [limits.column for limits in each.sensitive]
        cells = tabulate(frame, each.keys, columns, UNIT if each.unit else None)
        ordered = [limits.column for limits in each.sensitive if limits.ordered]
        summaries[each.id] = summarise(cells, marginals, k=each.k, ordered=ordered)
        worst[each.id] = _worst(plan, frame, cells)
    sensitive = {limits.column for each in plan.risk for limits in each.sensitive}
    return Measured(summaries, worst, marginal(tabulate(frame, [], sorted(sensitive))), alone)


def _worst(plan: TablePlan, frame: pl.DataFrame, cells: Cells) -> Worst:
    none = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    labels = frame[plan.partition].cast(pl.String) if plan.partition else none
    classes = pl.DataFrame({"label": labels.gather(cells.first), "units": cells.units})
    shares = classes.group_by("label").agg(share=pl.len() / pl.col("units").sum())
    share, label = shares.sort("share", "label", nulls_last=True).select("share", "label").row(-1)
    return share, label


def together(one: Measured, other: Measured) -> Measured:
    """Of two groups, which share no class."""
    summaries = {name: one.summaries[name] + other.summaries[name] for name in one.summaries}
    worst = {name: max(one.worst[name], other.worst[name], key=_order) for name in one.worst}
    both = {name: one.marginals[name] + other.marginals[name] for name in one.marginals}
    return Measured(summaries, worst, both, one.alone + other.alone)


def _order(worst: Worst) -> tuple[float, str]:
    return worst[0], worst[1] or ""
