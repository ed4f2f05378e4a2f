"""Collisions: two identifiers of one kind must never have one pseudonym, for records would join
that do not belong together.

Grain: one identifier that is published as a pseudonym, once per chunk and column; a child's copy of
its parent's key is looked at with the parent. Identifiers and pseudonyms are spilled as digests, in
buckets of the pseudonym, so that two equal ones meet in one bucket: the check is exact for any
number of records, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.told import Rules
from epc_release.errors import ReleaseError
from epc_release.release.context import Context, TablePlan
from epc_release.release.execute import Executor
from epc_release.release.groups import pieces
from epc_release.release.progress import Progress
from epc_release.release.settle import Piece
from epc_release.release.spill import Spill, concat, write_spill
from epc_release.schemas.checks.keys import key_digest
from epc_release.schemas.register import Table

IDENTIFIER, PSEUDONYM, BUCKET = "__identifier", ["__pseudonym1", "__pseudonym2"], "__bucket"
Kinds = Mapping[str, Spill]  # by kind of identifier


@dataclass(frozen=True)
class CollisionTask:
    """One bucket of the pseudonyms of one kind of identifier."""

    kind: str
    pieces: tuple[Piece, ...]


def spill_pseudonyms(
    context: Context, chunk: int, plan: TablePlan, given: pl.DataFrame, published: pl.DataFrame
) -> Kinds:
    """Digests of a chunk's identifiers and of their pseudonyms, by bucket; rows are those of both
    frames, before and after the rules."""
    found: dict[str, list[pl.DataFrame]] = {}
    for name, kind in pseudonymised(plan.table, context.job.policy.tables):
        if name not in given.columns:
            continue
        held = given[name].is_not_null()
        before = key_digest(given[name].filter(held).cast(pl.String))
        after = key_digest(published[name].filter(held))
        pairs = pl.DataFrame(
            {IDENTIFIER: before["h1"], PSEUDONYM[0]: after["h1"], PSEUDONYM[1]: after["h2"]}
        )
        found.setdefault(kind, []).append(pairs)
    return {
        kind: _spill(context, f"{chunk}.{kind}.pseudonyms", pl.concat(pairs).unique())
        for kind, pairs in found.items()
    }


def _spill(context: Context, name: str, pairs: pl.DataFrame) -> Spill:
    bucket = (pl.col(PSEUDONYM[0]) % context.job.buckets).cast(pl.String).alias(BUCKET)
    path = context.folder("routed") / name
    return write_spill(path, pairs.with_columns(bucket), BUCKET, drop_label=True)


def pseudonymised(table: Table, rules: Rules) -> Iterator[tuple[str, str]]:
    """The columns of a table whose pseudonyms are its own, with their kinds of identifier."""
    for name, told in rules[table.name].items():
        if isinstance(told.rule, Pseudonymise):
            inherited = table.parent is not None and name in table.key
            if not (inherited and rules[table.parent or ""][name].rule == told.rule):
                yield name, told.rule.kind


def check_collisions(
    spills: Mapping[str, Sequence[tuple[int, Spill]]],
    buckets: int,
    executor: Executor,
    progress: Progress,
) -> None:
    """Raises E166 where two identifiers of a kind have one pseudonym; ``spills`` are by kind."""
    tasks = list(_tasks(spills, buckets))
    with progress.stage("check pseudonyms", len(tasks), "buckets") as tell:
        for task, collided in executor.run(count_collisions, tasks):
            if collided:
                raise ReleaseError("E166", kind=task.kind, count=collided)
            tell(1)


def count_collisions(task: CollisionTask) -> int:
    """Run one bucket: pseudonyms that more than one identifier has."""
    pairs = concat([piece.read() for piece in task.pieces]).select(IDENTIFIER, *PSEUDONYM)
    return pairs.unique().select(pl.struct(PSEUDONYM).is_duplicated()).sum().item()  # type: ignore[no-any-return]


def _tasks(
    spills: Mapping[str, Sequence[tuple[int, Spill]]], buckets: int
) -> Iterable[CollisionTask]:
    for kind, found in spills.items():
        for bucket in range(buckets):
            if held := pieces(found, [str(bucket)]):
                yield CollisionTask(kind, held)
