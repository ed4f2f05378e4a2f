"""Route: one chunk of a table, from raw records to its partition's spill.

Grain: one row per record of the chunk. Conserves rows: read = routed on + excluded + rejected.
Rows that go on are already anonymised; what is only needed to settle keys goes beside them as
fingerprints. The order of decisions: a screening cell that cannot be read rejects its record; then
the policy's rules exclude; then a key or required value that does not parse or is missing rejects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from epc_release.anonymise.ruletally import RuleTally
from epc_release.costs import spent
from epc_release.manifests.layout import year_label
from epc_release.release import quarantine
from epc_release.release.collisions import Kinds, spill_pseudonyms
from epc_release.release.conform.cells import Conformed, conform
from epc_release.release.conform.codes import CODES
from epc_release.release.conform.rows import order_issues
from epc_release.release.context import (
    Context,
    TablePlan,
    columns_to_read,
    load_context,
    required_columns,
)
from epc_release.release.latest import latest_columns
from epc_release.release.leaks.note import hidden_columns, note_chunk
from epc_release.release.newest import spill_contenders
from epc_release.release.protect import unit_digest
from epc_release.release.records import (
    BLANK_ROW,
    DECISION,
    FIRST_REJECTED,
    REJECTED,
    STAYS,
    rejected,
    tally,
)
from epc_release.release.settle import DIGEST, KEY, NO_PARTITION, SHOWN
from epc_release.release.source import (
    Chunk,
    RawTable,
    line_numbers,
    raw_records,
    read_chunk,
)
from epc_release.release.spill import Spill, write_spill
from epc_release.release.targets import spill_targets, target_digests
from epc_release.release.units import spill_units
from epc_release.schemas.checks.keys import key_digest, row_digest


@dataclass(frozen=True)
class RouteTask:
    """One chunk of the input."""

    context: Path
    chunk: Chunk


@dataclass(frozen=True)
class Routed:
    """What became of one chunk.

    ``data`` is labelled by partition (a parent) or by bucket (a child), ``issues`` likewise;
    ``prints`` are by bucket the fingerprints of a parent's keys, or those of the children that are
    refused unless their parent is left out; ``units`` are fingerprints of a parent's units,
    ``pseudonyms`` those of identifiers and what they became. ``contenders`` is what tells the
    latest record of each unit, by bucket; ``targets`` are digests of the keys that records name
    where these must be published to be told. ``rejected`` does not count such children. ``listed``
    are positions of keys of the suppression list that records have, whatever becomes of them;
    ``rules`` by column what its rule did to records that were not left out here.
    """

    chunk: int
    part: str
    table: str
    read: int
    excluded: dict[str, int]
    rejected: dict[str, int]
    data: Spill
    issues: Spill
    prints: Spill
    units: Spill | None = None
    contenders: Spill | None = None
    pseudonyms: Kinds = field(default_factory=dict)
    targets: Spill | None = None
    listed: tuple[int, ...] = ()
    rules: Mapping[str, RuleTally] = field(default_factory=dict)


def route(task: RouteTask) -> Routed:
    """Run one chunk."""
    context = load_context(task.context)
    match = task.chunk.part.match
    dialect = match.dialect
    plan = context.plan(dialect.table)
    bound = context.bound(match)
    columns = columns_to_read(context, match)
    sources = dialect.sources(columns)
    every = (*sources, *hidden_columns(context, match))
    raw = read_chunk(task.chunk, every, context.texts(dialect))
    context.learn_texts(dialect, raw.table)
    unread, raw = raw.table, replace(raw, table=raw.table.select(_among(raw.table, sources)))
    timezone, file = context.job.register.timezone, task.chunk.part.name
    cells = conform(raw.table, plan.schema, dialect, columns, timezone, file)
    decisions = _decide(context, task.chunk, cells, columns)
    if dialect.blank_rows:
        decisions = decisions.set(_blank(raw), BLANK_ROW)
    stays = decisions == STAYS
    records = pl.Series("__row", range(len(decisions)), dtype=pl.UInt32)
    staying = cells.frame.filter(stays)
    made, rules = bound.publish_counted(staying, context.keyring)
    published = made.with_columns(
        records.filter(stays), *plan.cells.beside(staying, context.cell_keyring)
    )
    if plan.unit is not None:
        published = published.with_columns(unit_digest(staying, plan.unit))
    published = published.with_columns(target_digests(staying, plan))
    issues = _published_issues(cells, plan, bound.kept).join(
        published.select("__row"), on="__row", how="semi"
    )
    _set_aside(context, task.chunk, raw, cells, decisions)
    note_chunk(context, task.chunk.number, match, unread, cells, stays)
    keyed = _keys(cells, plan, decisions, bound.kept, published, context.job.buckets)
    data, found, prints = _spill(context, task.chunk, plan, published, issues, keyed)
    settled = decisions.filter(~_waits(plan, cells, decisions))
    _, excluded, refused = tally(settled, bound.reasons)
    if raw.ragged:
        refused["ragged-row"] = len(raw.ragged)
    return Routed(
        chunk=task.chunk.number,
        part=task.chunk.part.name,
        table=dialect.table,
        read=raw.table.num_rows + len(raw.ragged),
        excluded=excluded,
        rejected=refused,
        data=data,
        issues=found,
        prints=prints,
        units=spill_units(context, task.chunk.number, plan, bound.kept, published),
        contenders=spill_contenders(
            context, task.chunk.number, plan, _with_keys(staying, keyed), published
        ),
        pseudonyms=spill_pseudonyms(context, task.chunk.number, plan, staying, published),
        targets=spill_targets(context, task.chunk.number, plan, published),
        rules=rules,
        listed=tuple(bound.listed(cells.frame, context.screening)),
    )


def _with_keys(staying: pl.DataFrame, keyed: pl.DataFrame) -> pl.DataFrame:
    """The records that stay, with their places and the digests of their keys."""
    keys = keyed.filter(pl.col("__decision") == STAYS).select("__row", *KEY)
    return staying.hstack(keys)


@spent("screen")
def _decide(
    context: Context, chunk: Chunk, cells: Conformed, columns: tuple[str, ...]
) -> pl.Series:
    """One decision per record."""
    match = chunk.part.match
    plan, bound = context.plan(match.dialect.table), context.bound(match)
    required = required_columns(plan, columns)
    screened = tuple(c for c in columns if c in bound.screen_inputs)
    excluded = bound.screen(cells.frame, context.screening).cast(DECISION)
    return pl.select(
        pl.coalesce(
            _refusal(cells, plan, screened, [c for c in required if c in screened]),
            pl.when(excluded > 0).then(excluded),
            _refusal(cells, plan, required, required),
            pl.lit(STAYS, dtype=DECISION),
        )
    ).to_series()


def _waits(plan: TablePlan, cells: Conformed, decisions: pl.Series) -> pl.Series:
    """Boolean per record: a child that is rejected, but left out instead where its parent is."""
    if plan.table.parent is None:
        return pl.Series([False]).new_from_index(0, len(decisions))
    return (decisions >= FIRST_REJECTED) & _readable(plan, cells.frame)


def _readable(plan: TablePlan, frame: pl.DataFrame) -> pl.Series:
    """Boolean per record: the key (of a child: its parent's) could be read."""
    return pl.select(
        pl.all_horizontal(frame[name].is_not_null() for name in plan.table.key)
    ).to_series()


def _blank(raw: RawTable) -> pl.Series:
    """Boolean per record: none of the columns that were read has any text."""
    blank = pl.Series([True], dtype=pl.Boolean).new_from_index(0, raw.table.num_rows)
    for column in raw.table.columns:
        text = pl.Series(column.cast(pa.string()), dtype=pl.String)
        blank &= text.str.strip_chars() == ""
    return blank


def _refusal(
    cells: Conformed,
    plan: TablePlan,
    readable: tuple[str, ...],
    present: list[str] | tuple[str, ...],
) -> pl.Series:
    """Why records are rejected: a cell of ``readable`` has an error, one of ``present`` is missing.

    UInt16 decisions, missing where there is no such reason; the first column in order counts.
    """
    rows = len(cells.frame)
    reason = pl.Series([None], dtype=DECISION).new_from_index(0, rows)
    for name in present:
        missing = cells.frame[name].is_null()
        if missing.any():
            reason = pl.select(
                pl.coalesce(
                    reason, pl.when(missing).then(pl.lit(rejected("required-missing"), DECISION))
                )
            ).to_series()
    positions = [plan.schema.names.index(name) for name in readable]
    errors = cells.errors.filter(pl.col("__column").is_in(positions))
    if len(errors):
        first = errors.sort("__row", "__column").unique("__row", keep="first", maintain_order=True)
        codes = (first["__code"] + FIRST_REJECTED).cast(DECISION)
        reason = reason.scatter(first["__row"], codes)
    return reason


def _published_issues(cells: Conformed, plan: TablePlan, kept: frozenset[str]) -> pl.DataFrame:
    """Issues of cells that are published as they are conformed, or published missing."""
    told = [plan.schema.names.index(name) for name in plan.schema.names if name in kept]
    ordered = order_issues(cells.frame, plan.schema, kept)
    return pl.concat([cells.issues.filter(pl.col("__column").is_in(told)), ordered])


@spent("digests of keys and rows")
def _keys(
    cells: Conformed,
    plan: TablePlan,
    decisions: pl.Series,
    kept: Collection[str],
    published: pl.DataFrame,
    buckets: int,
) -> pl.DataFrame:
    """Fingerprints per record: of its key, of the whole conformed record, of what is ``published``
    of it (missing where nothing is) and of its problems.

    A record whose key is unreadable has none: it is rejected and cannot be anyone's copy or parent.
    Columns that are ``kept`` as they are, are digested once.
    """
    frame = cells.frame
    key = key_digest(frame, plan.table.key)
    same = _digest(frame, [name for name in frame.columns if name in kept])
    whole = _both(same, _digest(frame, [name for name in frame.columns if name not in kept]))
    made_anew = _digest(published, [name for name in plan.published if name not in kept])
    shown = _both(same.filter(decisions == STAYS), made_anew)["h1"]
    errors = cells.errors.group_by("__row").agg(
        (pl.col("__column").cast(pl.UInt64) * 64 + pl.col("__code") + 1)
        .pow(2)
        .sum()
        .alias("__problems")
    )
    made = pl.DataFrame(
        {
            "__row": pl.Series(range(len(frame)), dtype=pl.UInt32),
            "__decision": decisions,
            KEY[0]: key["h1"],
            KEY[1]: key["h2"],
            DIGEST[0]: whole["h1"],
            DIGEST[1]: whole["h2"],
        }
    ).join(
        published.select("__row", shown.alias(SHOWN)), on="__row", how="left", maintain_order="left"
    )
    if plan.table.parent and plan.schema.primary_key:
        own = key_digest(frame, plan.schema.primary_key)
        made = made.with_columns(own["h1"].alias("__own1"), own["h2"].alias("__own2"))
    if plan.table.latest:
        made = made.with_columns(latest_columns(frame, plan.table.latest))
    return (
        made.filter(_readable(plan, frame))
        .join(errors, on="__row", how="left", maintain_order="left")
        .with_columns(
            pl.col("__problems").fill_null(0).cast(pl.UInt64),
            __bucket=(pl.col(KEY[0]) % buckets).cast(pl.String),
        )
    )


def _digest(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return row_digest(frame.select(names) if names else pl.DataFrame(height=len(frame)))


def _both(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Digests of rows from those of two parts of their columns."""
    return row_digest(pl.concat([one, other.select(pl.all().name.suffix("_"))], how="horizontal"))


@spent("spill")
def _spill(
    context: Context,
    chunk: Chunk,
    plan: TablePlan,
    published: pl.DataFrame,
    issues: pl.DataFrame,
    keyed: pl.DataFrame,
) -> tuple[Spill, Spill, Spill]:
    if plan.table.parent:
        label, kept = "__bucket", keyed.select("__row", "__bucket")
        data = published.join(keyed.drop("__decision"), on="__row", maintain_order="left")
        prints = keyed.filter(pl.col("__decision") >= FIRST_REJECTED)
        prints = prints.select("__row", "__decision", *KEY, "__bucket")
    else:
        label = plan.partition or NO_PARTITION
        data = published
        if plan.partition is None:
            data = published.with_columns(pl.lit(None, pl.String).alias(NO_PARTITION))
        kept = data.select("__row", pl.col(label).cast(pl.String))
        place = data.select(
            "__row",
            __partition=pl.col(label).cast(pl.String),
            __year=year_label(plan.year, data.schema[plan.year])
            if plan.year
            else pl.lit(None, pl.String),
        )
        prints = keyed.join(place, on="__row", how="left", maintain_order="left")
    drop = plan.table.parent is not None
    name = context.folder("routed") / f"{chunk.number}"
    return (
        write_spill(name.with_suffix(".data"), data, label, drop_label=drop),
        write_spill(
            name.with_suffix(".issues"), issues.join(kept, on="__row"), label, drop_label=drop
        ),
        write_spill(name.with_suffix(".prints"), prints, "__bucket", drop_label=True),
    )


def _set_aside(
    context: Context, chunk: Chunk, raw: RawTable, cells: Conformed, decisions: pl.Series
) -> None:
    """Rejected records and unreadable cells to quarantine; nothing of excluded records."""
    plan = context.plan(chunk.part.table)
    refused = decisions >= FIRST_REJECTED
    whole = pl.DataFrame(
        {
            "__row": refused.arg_true().cast(pl.UInt32),
            "__code": pl.Series(REJECTED).gather(decisions.filter(refused) - FIRST_REJECTED),
        }
    )
    bad = cells.errors.filter((decisions == STAYS).gather(cells.errors["__row"]))
    if whole.is_empty() and bad.is_empty() and not raw.ragged:
        return
    at = [*whole["__row"], *bad["__row"]]
    records = raw.records_of(at)
    numbers = [*records, *(ragged.record for ragged in raw.ragged)]
    texts = raw_records(chunk, records[: len(whole)])
    names = pl.Series(plan.schema.names)
    rows = pl.DataFrame(
        {
            "chunk": pl.Series([chunk.number] * len(numbers), dtype=pl.UInt32),
            "table": plan.table.name,
            "row": pl.Series(numbers, dtype=pl.Int64) + 1,
            "__row": pl.Series([*at, *[None] * len(raw.ragged)], dtype=pl.UInt32),
            "line": pl.Series(line_numbers(chunk, numbers), dtype=pl.Int64),
            "column": pl.Series(
                [None] * len(whole)
                + names.gather(bad["__column"]).to_list()
                + [None] * len(raw.ragged),
                dtype=pl.String,
            ),
            "code": [*whole["__code"], *(CODES[c].code for c in bad["__code"])]
            + ["ragged-row"] * len(raw.ragged),
            "raw": [*texts, *bad["__raw"], *(ragged.text for ragged in raw.ragged)],
        }
    )
    quarantine.write(context.folder("quarantine"), f"route-{chunk.number}", rows)


def _among(table: pa.Table, names: Collection[str]) -> list[str]:
    """The columns of a table that are named, in its order."""
    return [name for name in table.column_names if name in names]
