"""Settle: keys and children, bucket by bucket (the ``resolve`` stage's tasks).

Grain: one bucket of a parent table's keys, with all rows of its children that name those keys.
Conserves rows: every row of the bucket leaves with one decision. Where the register says which
record of a key is the newest, older ones are excluded as ``superseded``. Copies of a key that are
equal after conform: one stays, the rest are ``duplicate-row``; copies that differ, or of which one
was excluded or rejected: none stays (``duplicate-key``). A child follows its parent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release import quarantine
from epc_release.release.context import MAX_BUCKETS, load_context
from epc_release.release.latest import LATEST, REMOVES
from epc_release.release.leaks.note import note_settled
from epc_release.release.records import (
    DECISION,
    EXCLUDED_BY_LIMIT,
    EXCLUDED_WITH_PARENT,
    FIRST_REJECTED,
    REJECTED,
    REMOVED,
    STAYS,
    SUPERSEDED,
    rejected,
    tally,
)
from epc_release.release.spill import Range, Spill, concat, write_ipc, write_spill

KEY = ["__key1", "__key2"]
DIGEST = ["__digest1", "__digest2"]
SHOWN = "__shown"  # half a digest of a record as ``route`` publishes it
NO_PARTITION = "__whole"
YEAR = "__year"
PLACE = ("__chunk", "__row")  # of a record in the input


@dataclass(frozen=True)
class Piece(Range):
    """A range of rows in a spill that the chunk ``chunk`` left."""

    chunk: int

    def read(self, columns: Collection[str] | None = None) -> pl.DataFrame:
        """The rows, with their chunk as column ``__chunk``; only these columns where named."""
        return super().read(columns).with_columns(__chunk=pl.lit(self.chunk, dtype=pl.UInt32))


@dataclass(frozen=True)
class Children:
    """A child table in one bucket: rows that would stay, their issues, prints of the refused."""

    table: str
    rows: tuple[Piece, ...]
    issues: tuple[Piece, ...]
    refused: tuple[Piece, ...]


@dataclass(frozen=True)
class SettleTask:
    """One bucket: prints of the parent's keys, and its children."""

    context: Path
    bucket: int
    parent: str
    prints: tuple[Piece, ...]
    children: tuple[Children, ...]


@dataclass(frozen=True)
class SettledTable:
    """What settling did to a table in one bucket; data and issues are of children only.

    ``left_out`` are the children (chunk, row) of which nothing may be kept, None where there is
    none; ``prints`` are the fingerprints of what stays, None of a partial build.
    """

    table: str
    excluded: dict[str, int]
    rejected: dict[str, int]
    data: Spill | None = None
    issues: Spill | None = None
    left_out: Path | None = None
    prints: Path | None = None


@dataclass(frozen=True)
class Settled:
    """``drops``: rows of the parent that do not stay (chunk, row, decision), None where all do."""

    bucket: int
    drops: Path | None
    tables: tuple[SettledTable, ...]


def settle(task: SettleTask) -> Settled:
    """Run one bucket."""
    context = load_context(task.context)
    folder = context.folder("settled")
    prints = concat([piece.read() for piece in task.prints]) if task.prints else _no_prints()
    decided = resolve_latest(prints) if LATEST in prints.columns else resolve_copies(prints)
    changed = decided.filter(pl.col("__decision") != pl.col("__before"))
    _, excluded, refused = tally(changed["__decision"], ())
    drops = None
    if len(changed):
        drops = folder / f"{task.parent}-{task.bucket}.drops"
        write_ipc(drops, changed.select("__chunk", "__row", "__decision").to_arrow())
    parents = (
        decided.sort("__decision", descending=False)
        .select(*KEY, "__decision", "__partition", "__year")
        .unique(KEY, keep="first", maintain_order=True)
    )
    withheld = parents.filter(pl.col("__decision") != STAYS)[KEY[0]]
    note_settled(context, f"{task.parent}-{task.bucket}", task.parent, withheld)
    kept = _fingerprints(task, task.parent, decided.filter(__decision=STAYS))
    below = (
        _settle_children(task, children, parents)
        for children in task.children
        if children.rows or children.refused
    )
    table = SettledTable(task.parent, excluded, refused, prints=kept)
    return Settled(task.bucket, drops, (table, *below))


def resolve_latest(prints: pl.DataFrame) -> pl.DataFrame:
    """Like ``resolve_copies``, among the newest records of each key alone.

    Columns read beside: LATEST (String, higher is newer), REMOVES (Boolean). Older records that
    would stay are superseded, whatever becomes of the newest; a newest one that removes its key
    does not stay either.
    """
    newest = (pl.col(LATEST) == pl.col(LATEST).max().over(KEY)).alias("__newest")
    parts = prints.with_columns(newest).partition_by("__newest", as_dict=True, include_key=False)
    stays = pl.col("__decision") == STAYS
    found = []
    if (true := parts.get((True,))) is not None:
        removed = pl.when(stays & pl.col(REMOVES)).then(pl.lit(REMOVED)).otherwise("__decision")
        found.append(resolve_copies(true).with_columns(__decision=removed.cast(DECISION)))
    if (older := parts.get((False,))) is not None:
        superseded = pl.when(stays).then(pl.lit(SUPERSEDED)).otherwise("__decision")
        found.append(
            older.with_columns(__before="__decision", __decision=superseded.cast(DECISION))
        )
    return concat(found) if found else prints.with_columns(__before="__decision")


def resolve_copies(prints: pl.DataFrame) -> pl.DataFrame:
    """Decide on copies of a key: ``decision`` as settled, ``before`` as it was.

    Columns read: key1, key2, digest1, digest2, problems (UInt64), decision, __chunk, row. Of equal
    copies the one with the least ``problems`` stays, so that the order of input never shows.
    """
    marked = prints.with_columns(__before="__decision")
    copied = marked.select(pl.struct(KEY).is_duplicated()).to_series()
    if not copied.any():
        return marked
    copies = marked.filter(copied).sort(*KEY, "__problems", "__chunk", "__row")
    all_stay = (pl.col("__decision") == STAYS).all().over(KEY)
    same = all_stay & pl.all_horizontal(pl.col(name).n_unique().over(KEY) == 1 for name in DIGEST)
    settled = (
        pl.when(pl.col("__decision") != STAYS)
        .then("__decision")
        .when(same & pl.struct(KEY).is_first_distinct())
        .then(pl.lit(STAYS))
        .when(same)
        .then(pl.lit(rejected("duplicate-row")))
        .otherwise(pl.lit(rejected("duplicate-key")))
        .cast(DECISION)
    )
    return pl.concat([marked.filter(~copied), copies.with_columns(__decision=settled)])


def _settle_children(task: SettleTask, children: Children, parents: pl.DataFrame) -> SettledTable:
    """Decide on children by their parents; what is left out with one is not rejected."""
    folder = load_context(task.context).folder("settled")
    parents = parents.rename({"__decision": "__parent"})
    decided = []
    data = issues = kept = None
    if children.rows:
        rows = _followed(task, children, parents)
        decided.append(rows.select(*PLACE, "__decision"))
        data, issues, kept = _spill(task, children, rows)
    if children.refused:
        prints = concat(piece.read() for piece in children.refused)
        joined = prints.join(parents, on=KEY, how="left").with_columns(__parents=_decision(task))
        left = pl.col("__parents").is_between(1, FIRST_REJECTED - 1)
        decided.append(
            joined.select(
                *PLACE, pl.when(left).then("__parents").otherwise("__decision").alias("__decision")
            )
        )
    every = pl.concat(decided)
    left_out = every.filter(pl.col("__decision").is_between(1, FIRST_REJECTED - 1))
    path = None
    if len(left_out):
        path = folder / f"{children.table}-{task.bucket}.left-out"
        write_ipc(path, left_out.select(*PLACE).to_arrow())
    _, excluded, refused = tally(every["__decision"], ())
    return SettledTable(children.table, excluded, refused, data, issues, path, kept)


def _decision(task: SettleTask) -> pl.Expr:
    """What a child's parent (``__parent``) decides about it."""
    partial = load_context(task.context).job.partial
    return (
        pl.when(pl.col("__parent").is_null())
        .then(pl.lit(EXCLUDED_BY_LIMIT if partial else rejected("orphan")))
        .when(pl.col("__parent") >= FIRST_REJECTED)
        .then(pl.lit(rejected("parent")))
        .when(pl.col("__parent") != STAYS)
        .then(pl.lit(EXCLUDED_WITH_PARENT))
        .otherwise(pl.lit(STAYS))
        .cast(DECISION)
    )


def _followed(task: SettleTask, children: Children, parents: pl.DataFrame) -> pl.DataFrame:
    """The rows with their decisions and the places of their parents; the rejected set aside."""
    context = load_context(task.context)
    plan = context.plan(children.table)
    rows = concat(piece.read() for piece in children.rows)
    joined = rows.join(parents, on=KEY, how="left", maintain_order="left")
    orphans = joined.filter(pl.col("__parent").is_null())[KEY[0]]
    note_settled(context, f"{children.table}-{task.bucket}", children.table, orphans)
    joined = joined.with_columns(__decision=_decision(task))
    joined = joined.with_columns(__shard=_shard())
    if plan.schema.primary_key:
        joined = resolve_copies(joined.drop(KEY).rename({"__own1": "__key1", "__own2": "__key2"}))
    else:  # a child without a key of its own is known by all that it says
        joined = joined.with_columns(pl.col(KEY[0]) ^ pl.col(DIGEST[0]))
    _set_aside(task, children.table, joined)
    return joined


def _shard() -> pl.Expr:
    """The byte of a parent's key that every number of buckets divides by."""
    return (pl.col(KEY[0]) % MAX_BUCKETS).cast(pl.UInt8)


def _fingerprints(task: SettleTask, table: str, rows: pl.DataFrame) -> Path | None:
    """``__shard`` (UInt8); ``__key``, ``__source`` and ``SHOWN`` (UInt64); the records' places."""
    context = load_context(task.context)
    if context.job.partial:
        return None
    path = context.folder("settled") / f"{table}-{task.bucket}.prints"
    shard = pl.col("__shard") if "__shard" in rows.columns else _shard().alias("__shard")
    write_ipc(
        path,
        rows.select(
            shard,
            pl.col(KEY[0]).alias("__key"),
            pl.col(DIGEST[0]).alias("__source"),
            pl.col(SHOWN),
            *PLACE,
        ).to_arrow(),
    )
    return path


def _spill(
    task: SettleTask, children: Children, rows: pl.DataFrame
) -> tuple[Spill, Spill | None, Path | None]:
    """The rows that stay, and their issues, by partition; and their fingerprints."""
    context = load_context(task.context)
    plan = context.plan(children.table)
    name = context.folder("settled") / f"{children.table}-{task.bucket}"
    staying = rows.filter(__decision=STAYS)
    label = plan.partition or NO_PARTITION
    place = [pl.col("__partition").alias(label), pl.col("__year").alias(YEAR)]
    shown = [name for name in (*plan.published, *plan.hidden) if name in rows.columns]
    told, numbered = staying, plan.follows or bool(plan.targets)
    if numbered:  # a number of its own, by which what is decided later finds the row
        staying = staying.with_row_index("__number")
        shown.append("__row")
        chunk = pl.lit(task.bucket, pl.UInt32).alias("__chunk")
        told = staying.with_columns(chunk, __row="__number")
    prints = _fingerprints(task, children.table, told)
    spill = write_spill(name.with_suffix(".arrow"), told.select(*shown, *place), label)
    if not children.issues:
        return spill, None, prints
    number = ["__number"] if numbered else []
    kept = concat(piece.read() for piece in children.issues).join(
        staying.select(*PLACE, *number, pl.col("__partition").alias(label)), on=PLACE
    )
    issues = kept.select("__column", "__code", *(pl.col(n).alias("__row") for n in number), label)
    return spill, write_spill(name.with_suffix(".issues"), issues, label), prints


def _set_aside(task: SettleTask, name: str, rows: pl.DataFrame) -> None:
    """Rejected children to quarantine; their text is what was to be published of them."""
    context = load_context(task.context)
    published = [column for column in context.plan(name).published if column in rows.columns]
    refused = rows.filter(pl.col("__decision") >= FIRST_REJECTED)
    codes = pl.Series(REJECTED, dtype=pl.String)
    refused = refused.with_columns(__code=codes.gather(refused["__decision"] - FIRST_REJECTED))
    quarantine.write(
        context.folder("quarantine"),
        f"settle-{name}-{task.bucket}",
        quarantine.of_records(name, refused, published),
    )


def _no_prints() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            **dict.fromkeys((*KEY, *DIGEST, SHOWN, "__problems"), pl.UInt64),
            "__decision": DECISION,
            "__partition": pl.String,
            "__year": pl.String,
            "__row": pl.UInt32,
            "__chunk": pl.UInt32,
        }
    )
