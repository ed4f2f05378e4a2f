"""What key sets look at, of every record of an extract that would stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.screen import ScreenContext
from epc_release.errors import ReleaseError
from epc_release.release.protect import unit_digest
from epc_release.release.source import discover
from epc_release.release.trial.records import screened
from epc_release.schemas.register import Register


def collect(
    policy: Policy, register: Register, sources: Sequence[str], key_sets: Sequence[KeySet]
) -> pl.DataFrame:
    """The published key and sensitive columns of these key sets of one table, and ``UNIT``.

    One row per record that screening lets stay. Raises E195 where the sources have no such table.
    """
    table = register.table(key_sets[0].table)
    inventory = discover(sources, register)
    parts = inventory.of(table.name)
    if not parts:
        raise ReleaseError("E195", table=table.name)
    cutoff = inventory.control.snapshot_time if inventory.control else datetime.now(UTC)
    context = ScreenContext(cutoff, register.timezone)
    told = list(dict.fromkeys(name for each in key_sets for name in each.columns))
    unit = next((each.unit for each in key_sets if each.unit), None)
    derived = (table.schema.by_name[name].descriptor.get("derive") for name in told)
    columns = {*told, *(d["from"] for d in derived if d), *((unit,) if unit else ())}
    found = []
    for bound, cells, decisions in screened(policy, register, parts, context, columns):
        staying = cells.filter(decisions == 0)
        rows = bound.publish(staying.select(n for n in cells.columns if n in columns), None)
        units = [unit_digest(staying, unit)] if unit else []
        found.append(rows.select(told).with_columns(units))
    return pl.concat(found, how="vertical_relaxed")


def some_partitions(frame: pl.DataFrame, partition: str | None, share: float) -> pl.DataFrame:
    """Whole partitions of about that share of the rows: a sample of rows would thin every class.

    They are spread over the sizes of partitions; the same records give the same sample.
    """
    if partition is None or share >= 1:
        return frame
    sizes = frame[partition].cast(pl.String).value_counts().sort("count", partition)
    every = max(1, round(1 / share))
    chosen = sizes[partition].gather_every(every, every // 2)
    return frame.filter(pl.col(partition).cast(pl.String).is_in(chosen.implode()))
