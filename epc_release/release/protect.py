"""Protect: what the policy's key sets take away, group of partitions by group of partitions.

Grain: the published records of whole partitions, after keys are settled; no class is in two groups.
Conserves rows: a record stays or is suppressed, and a child goes with its parent. Only the columns
that key sets look at are read. What is taken away is left in two private files per group: the
starred cells by the position of their row, and the records that go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from epc_release.anonymise.risk import Marginal, Summary, marginal, tabulate
from epc_release.anonymise.suppression import UNIT, Suppressed, failing, summaries, suppress
from epc_release.release.context import TablePlan, load_context
from epc_release.release.leaks.note import note_protected
from epc_release.release.records import DECISION, SUPPRESSED
from epc_release.release.settle import PLACE, Piece
from epc_release.release.spill import concat, read_range, write_ipc
from epc_release.schemas.checks.keys import key_digest

AT = "__at"  # the position of a row in the joined pieces of its group
GONE = "__gone"  # the record itself was dropped


@dataclass(frozen=True)
class ProtectTask:
    """One group: its rows, and what settling dropped of them.

    ``marginals`` are the sensitive columns' distributions over the table, None where no limit
    needs them. ``before`` are the stars of an earlier round, ``sticky`` what the release before
    took away, a file as ``Protected.taken``. ``parents`` are such files of the parent table, for a
    child.
    """

    context: Path
    number: int
    table: str
    data: tuple[Piece, ...]
    drops: tuple[Path, ...]
    marginals: Mapping[str, Marginal] | None = None
    before: Path | None = None
    sticky: Path | None = None
    parents: tuple[Path, ...] = ()
    round: int = 0


@dataclass(frozen=True)
class Protected:
    """What became of one group; files are None where nothing was taken away.

    ``stars``: rows ``__at`` (UInt32, ascending) and a Boolean for each column that may be starred.
    ``drops``: records (chunk, row, decision). ``taken``: published keys and places of the records
    that lost something, a Boolean for each such column and ``GONE``.
    ``cells`` counts starred cells by column, ``starrable`` those that were there before, and
    ``failing`` rows that break a key set which does not suppress, by its id. ``rows`` were there;
    ``found`` (of the first round) are their measures by key set, before anything is taken away.
    """

    number: int
    table: str
    rows: int
    dropped: int = 0
    stars: Path | None = None
    drops: Path | None = None
    taken: Path | None = None
    cells: Mapping[str, int] = field(default_factory=dict)
    starrable: Mapping[str, int] = field(default_factory=dict)
    failing: Mapping[str, int] = field(default_factory=dict)
    marginals: Mapping[str, Marginal] = field(default_factory=dict)
    found: Mapping[str, Summary] = field(default_factory=dict)


def unit_digest(records: pl.DataFrame, unit: str) -> pl.Series:
    """``UNIT`` (UInt64) of conformed records, null where there is none.

    Half of a 128-bit digest: units that collide count as one, so that no class looks larger.
    """
    if unit not in records.columns:
        return pl.Series(UNIT, [None], dtype=pl.UInt64).new_from_index(0, records.height)
    digest = key_digest(records, [unit])["h1"].alias(UNIT)
    return digest.set(records[unit].is_null(), None)


def protect(task: ProtectTask) -> Protected:
    """Run one group."""
    plan = load_context(task.context).plan(task.table)
    return _follow(task, plan) if plan.table.parent else _protect(task, plan)


def distributions(task: ProtectTask) -> dict[str, Marginal]:
    """How often each value of each sensitive column stands in a group."""
    plan = load_context(task.context).plan(task.table)
    return _marginals(plan, _rows(task, sensitive_columns(plan)))


def sensitive_columns(plan: TablePlan) -> tuple[str, ...]:
    """The sensitive columns of a table's key sets."""
    return tuple(dict.fromkeys(s.column for each in plan.risk for s in each.sensitive))


def needs_marginals(plan: TablePlan) -> bool:
    """Whether a limit compares classes with the whole table."""
    return any(limits.t is not None for each in plan.risk for limits in each.sensitive)


def _protect(task: ProtectTask, plan: TablePlan) -> Protected:
    columns = {name for each in plan.risk for name in each.columns}
    columns |= {plan.partition} if plan.partition else set()
    unit = {UNIT} if plan.unit is not None else set()
    rows = _rows(task, {*columns, *plan.table.key, *unit})
    before = _before(task, rows, plan)
    whole = task.marginals or {}
    done = suppress(rows, plan.risk, whole, before)
    left = _left(rows, done)
    broken = {
        each.id: int(failing(left, each, whole).sum())
        for each in plan.risk
        if each.action == "fail"
    }
    context = load_context(task.context)
    folder = context.folder("protected")
    gone = rows.filter(pl.Series(done.dropped))
    note_protected(context, f"protect-{task.number}-{task.round}", plan, rows, left, gone)
    return Protected(
        number=task.number,
        table=task.table,
        rows=rows.height,
        dropped=gone.height,
        stars=_write_stars(folder / f"{task.number}-{task.round}.stars", rows[AT], done),
        drops=_write_drops(folder / f"{task.number}-{task.round}.drops", gone),
        taken=_write_taken(
            folder / f"{task.number}-{task.round}.taken", rows.select(*plan.table.key, *PLACE), done
        ),
        cells={name: int(flags.sum()) for name, flags in done.stars.items()},
        starrable={name: rows[name].len() - rows[name].null_count() for name in done.stars},
        failing=broken,
        marginals=_marginals(plan, left),
        found=summaries(rows, plan.risk) if task.round == 0 else {},
    )


def _follow(task: ProtectTask, plan: TablePlan) -> Protected:
    """Children of suppressed parents go with them."""
    rows = _rows(task, plan.table.key)
    gone = concat(read_range(path) for path in task.parents).filter(GONE)
    lost = rows.join(gone, on=list(plan.table.key), how="semi")
    folder = load_context(task.context).folder("protected")
    drops = _write_drops(folder / f"{task.number}-{task.round}.drops", lost)
    return Protected(task.number, task.table, rows.height, dropped=lost.height, drops=drops)


def _rows(task: ProtectTask, columns: Collection[str]) -> pl.DataFrame:
    """The rows that settling left, with their position ``__at``."""
    wanted = {*columns, "__row"}
    rows = concat(piece.read(wanted) for piece in task.data).with_row_index(AT)
    for path in task.drops:
        rows = rows.join(read_range(path), on=PLACE, how="anti", maintain_order="left")
    return rows


def _left(rows: pl.DataFrame, done: Suppressed) -> pl.DataFrame:
    starred = [
        pl.when(pl.Series(flags)).then(None).otherwise(pl.col(name)).alias(name)
        for name, flags in done.stars.items()
    ]
    return rows.with_columns(starred).filter(~pl.Series(done.dropped))


def _marginals(plan: TablePlan, rows: pl.DataFrame) -> dict[str, Marginal]:
    return marginal(tabulate(rows, [], sensitive_columns(plan)))


def _before(task: ProtectTask, rows: pl.DataFrame, plan: TablePlan) -> Suppressed | None:
    """What an earlier round, or the release before, took away of these rows."""
    found = []
    if task.before is not None:
        stars = read_range(task.before)
        found.append(rows.select(AT).join(stars, on=AT, how="left", maintain_order="left"))
    if task.sticky is not None:
        key = list(plan.table.key)
        taken = pl.read_parquet(task.sticky)
        found.append(rows.select(key).join(taken, on=key, how="left", maintain_order="left"))
    if not found:
        return None
    names = (*dict.fromkeys(name for each in plan.risk for name in each.star), GONE)
    flags = {name: _any(found, name, len(rows)) for name in names}
    gone = flags.pop(GONE)
    for name, one in flags.items():
        one &= ~gone & rows[name].is_not_null().to_numpy()
    return Suppressed(flags, gone)


def _any(found: Collection[pl.DataFrame], name: str, rows: int) -> NDArray[np.bool_]:
    flags = np.zeros(rows, bool)
    for frame in found:
        if name in frame.columns:
            flags |= frame[name].fill_null(False).to_numpy()
    return flags


def _write_stars(path: Path, at: pl.Series, done: Suppressed) -> Path | None:
    frame = pl.DataFrame({AT: at, **{n: pl.Series(flags) for n, flags in done.stars.items()}})
    starred = frame.filter(pl.any_horizontal(*done.stars)) if done.stars else frame.clear()
    if starred.is_empty():
        return None
    write_ipc(path, starred.to_arrow())
    return path


def _write_drops(path: Path, gone: pl.DataFrame) -> Path | None:
    if gone.is_empty():
        return None
    decision = pl.lit(SUPPRESSED, DECISION).alias("__decision")
    write_ipc(path, gone.select(*PLACE, decision).to_arrow())
    return path


def _write_taken(path: Path, keys: pl.DataFrame, done: Suppressed) -> Path | None:
    flags = {**{n: pl.Series(f) for n, f in done.stars.items()}, GONE: pl.Series(done.dropped)}
    taken = keys.with_columns(**flags).filter(pl.any_horizontal(*flags))
    if taken.is_empty():
        return None
    write_ipc(path, taken.to_arrow())
    return path
