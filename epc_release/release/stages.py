"""The driver's side of the stages: tasks made from what the stage before left, results added up.

Each stage is one pass of independent tasks; between them only small facts come back to the driver.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from epc_release.anonymise.risk import Marginal
from epc_release.anonymise.ruletally import RuleTally
from epc_release.release import quarantine
from epc_release.release.context import load_context
from epc_release.release.execute import Executor
from epc_release.release.finish import Finished, FinishTask, finish
from epc_release.release.groups import Group, pieces
from epc_release.release.ledger import Account
from epc_release.release.newest import NewestTask, find_newest
from epc_release.release.progress import Progress
from epc_release.release.records import FIRST_REJECTED, REJECTED
from epc_release.release.route import Routed, RouteTask, route
from epc_release.release.settle import Children, Settled, SettleTask, settle
from epc_release.release.source import Chunk
from epc_release.release.spill import Spill, concat, read_range
from epc_release.release.targets import TargetTask, find_targets, join_targets
from epc_release.release.units import UnitTask, count_units


@dataclass
class Collected:
    """What the tasks so far have left: files by table, and the accounts.

    ``newest`` are the places of the latest record of each unit, found among ``contenders``.
    ``crowded`` counts the published records of units beyond their limit, by partition; ``listed``
    are positions of certificates of the suppression list that the extract has. ``remembered`` are
    by table and bucket the fingerprints of what stayed, ``rules`` by table and column what a rule
    did. ``named`` are by table digests of the keys that its records name, ``targets`` those of them
    that are published.
    """

    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    data: dict[str, list[tuple[int, Spill]]] = field(default_factory=lambda: defaultdict(list))
    issues: dict[str, list[tuple[int, Spill]]] = field(default_factory=lambda: defaultdict(list))
    prints: dict[str, list[tuple[int, Spill]]] = field(default_factory=lambda: defaultdict(list))
    drops: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    left_out: list[Path] = field(default_factory=list)
    units: dict[str, list[tuple[int, Spill]]] = field(default_factory=lambda: defaultdict(list))
    contenders: dict[str, list[tuple[int, Spill]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    newest: dict[str, list[tuple[int, Spill]]] = field(default_factory=lambda: defaultdict(list))
    pseudonyms: dict[str, list[tuple[int, Spill]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    crowded: dict[str, Counter[str | None]] = field(default_factory=lambda: defaultdict(Counter))
    listed: set[int] = field(default_factory=set)
    rules: dict[str, dict[str, RuleTally]] = field(default_factory=lambda: defaultdict(dict))
    remembered: dict[str, dict[int, Path]] = field(default_factory=lambda: defaultdict(dict))
    stars: dict[int, Path] = field(default_factory=dict)  # by group
    named: dict[str, list[tuple[int, Spill]]] = field(default_factory=lambda: defaultdict(list))
    targets: dict[str, Path] = field(default_factory=dict)
    chunks: list[tuple[int, str, int]] = field(default_factory=list)  # number, part, records

    def places(self) -> list[tuple[str, int]]:
        """Per chunk number: its part, and how many records of the part stand before it."""
        before: dict[str, int] = defaultdict(int)
        found = []
        for _, part, records in sorted(self.chunks):
            found.append((part, before[part]))
            before[part] += records
        return found


def route_all(
    context: Path, chunks: Iterable[Chunk], executor: Executor, tell: Callable[[int], None]
) -> Collected:
    """Route every chunk; a staged chunk is deleted as soon as it is routed."""
    found = Collected()
    for task, done in executor.run(route, (RouteTask(context, chunk) for chunk in chunks)):
        task.chunk.discard()
        _collect(found, done)
        tell(task.chunk.consumed)
    return found


def _collect(found: Collected, done: Routed) -> None:
    found.accounts[done.table].add(done.read, done.excluded, done.rejected)
    found.chunks.append((done.chunk, done.part, done.read))
    found.data[done.table].append((done.chunk, done.data))
    found.issues[done.table].append((done.chunk, done.issues))
    found.prints[done.table].append((done.chunk, done.prints))
    found.listed.update(done.listed)
    rules = found.rules[done.table]
    for column, told in done.rules.items():
        rules[column] = rules[column] + told if column in rules else told
    if done.units is not None:
        found.units[done.table].append((done.chunk, done.units))
    if done.contenders is not None:
        found.contenders[done.table].append((done.chunk, done.contenders))
    if done.targets is not None:
        found.named[done.table].append((done.chunk, done.targets))
    for kind, spill in done.pseudonyms.items():
        found.pseudonyms[kind].append((done.chunk, spill))


def settle_all(context: Path, found: Collected, executor: Executor, progress: Progress) -> None:
    """Settle keys and children in every bucket; children's spills are replaced by settled ones."""
    tasks = list(_settle_tasks(context, found))
    settled: dict[str, list[tuple[int, Spill]]] = defaultdict(list)
    issues: dict[str, list[tuple[int, Spill]]] = defaultdict(list)
    with progress.stage("settle keys", len(tasks), "buckets") as tell:
        for _, done in executor.run(settle, tasks):
            _collect_settled(found, done, settled, issues)
            tell(1)
    for table in load_context(context).job.register.tables:
        found.drops[table.name].sort()  # whatever task was done first
        if table.parent:
            for _, spill in (*found.data[table.name], *found.issues[table.name]):
                spill.path.unlink(missing_ok=True)  # gone already, where a build is continued
            found.data[table.name] = sorted(settled[table.name], key=lambda pair: pair[0])
            found.issues[table.name] = sorted(issues[table.name], key=lambda pair: pair[0])


def _collect_settled(
    found: Collected,
    done: Settled,
    settled: dict[str, list[tuple[int, Spill]]],
    issues: dict[str, list[tuple[int, Spill]]],
) -> None:
    for table in done.tables:
        found.accounts[table.table].add(0, table.excluded, table.rejected)
        if table.data is not None:
            settled[table.table].append((done.bucket, table.data))
        if table.issues is not None:
            issues[table.table].append((done.bucket, table.issues))
        if table.left_out is not None:
            found.left_out.append(table.left_out)
        if table.prints is not None:
            found.remembered[table.table][done.bucket] = table.prints
    if done.drops is not None:
        found.drops[done.tables[0].table].append(done.drops)


def _settle_tasks(context: Path, found: Collected) -> Iterator[SettleTask]:
    job = load_context(context).job
    for parent in (table for table in job.register.tables if table.parent is None):
        children = [table.name for table in job.register.tables if table.parent == parent.name]
        for bucket in range(job.buckets):
            label = str(bucket)
            prints = pieces(found.prints[parent.name], [label])
            below = tuple(
                Children(
                    name,
                    rows=pieces(found.data[name], [label]),
                    issues=pieces(found.issues[name], [label]),
                    refused=pieces(found.prints[name], [label]),
                )
                for name in children
            )
            if prints or any(one.rows or one.refused for one in below):
                yield SettleTask(context, bucket, parent.name, prints, below)


def count_all_units(
    context: Path, found: Collected, executor: Executor, progress: Progress
) -> None:
    """Count the records of units beyond the limit of their table, once keys are settled."""
    buckets = [str(bucket) for bucket in range(load_context(context).job.buckets)]
    tasks = [
        UnitTask(context, table, held, tuple(found.drops[table]))
        for table, spills in found.units.items()
        for bucket in buckets
        if (held := pieces(spills, [bucket]))
    ]
    with progress.stage("count units", len(tasks), "buckets") as tell:
        for task, counts in executor.run(count_units, tasks):
            found.crowded[task.table].update(counts)
            tell(1)


def find_all_newest(
    context: Path, found: Collected, executor: Executor, progress: Progress
) -> None:
    """Find the latest record of each unit among those that stay, once keys are settled."""
    tasks = [
        NewestTask(context, table, bucket, held, tuple(found.drops[table]))
        for table, spills in found.contenders.items()
        for bucket in range(load_context(context).job.buckets)
        if (held := pieces(spills, [str(bucket)]))
    ]
    with progress.stage("find latest", len(tasks), "buckets") as tell:
        for task, newest in executor.run(find_newest, tasks):
            found.newest[task.table].append((task.bucket, newest))
            tell(1)


def find_all_targets(
    context: Path, found: Collected, executor: Executor, progress: Progress
) -> None:
    """Find which of the records that others name are published, once key sets hold."""
    job = load_context(context).job
    tasks = []
    for table, spills in found.named.items():
        owner = job.register.table(table).parent or table
        drops = tuple(found.drops[owner])
        for bucket in range(job.buckets):
            if named := pieces(spills, [str(bucket)]):
                prints = pieces(found.prints[owner], [str(bucket)])
                tasks.append(TargetTask(context, table, bucket, named, prints, drops))
    files: dict[str, list[Path]] = defaultdict(list)
    with progress.stage("find targets", len(tasks), "buckets") as tell:
        for task, path in executor.run(find_targets, tasks):
            files[task.table] += [path] if path is not None else []
            tell(1)
    for table, paths in files.items():
        if paths:
            found.targets[table] = join_targets(context, table, paths)


def left_out_records(found: Collected) -> pl.DataFrame:
    """Children that are left out with their parents: ``chunk`` and ``__row`` (UInt32)."""
    none = pl.DataFrame(schema={"__chunk": pl.UInt32, "__row": pl.UInt32})
    records = concat([none, *(read_range(path) for path in found.left_out)])
    return records.rename({"__chunk": "chunk"})


def keep_drops(context: Path, found: Collected) -> None:
    """Quarantine the parents that settling refused where no ``finish`` will: without text."""
    folder = load_context(context).folder("quarantine")
    codes = pl.Series(REJECTED, dtype=pl.String)
    for table, paths in found.drops.items():
        if not paths:
            continue
        rows = concat([read_range(path) for path in paths])
        rows = rows.filter(pl.col("__decision") >= FIRST_REJECTED)
        rows = rows.with_columns(__code=codes.gather(rows["__decision"] - FIRST_REJECTED))
        quarantine.write(folder, f"settle-{table}", quarantine.of_records(table, rows, ()))


def finish_all(
    context: Path,
    found: Collected,
    groups: Sequence[Group],
    marginals: Mapping[str, Mapping[str, Marginal]],
    executor: Executor,
    progress: Progress,
) -> list[Finished]:
    """Finish every group of partitions; in their order.

    ``marginals`` are by table the distributions of sensitive columns over what is published.
    """
    tasks = [_finish_task(context, found, group, marginals) for group in groups]
    with progress.stage("write", len(tasks), "groups of partitions") as tell:
        done = []
        for _, result in executor.run(finish, tasks):
            done.append(result)
            tell(1)
    return sorted(done, key=lambda result: result.number)


def _finish_task(
    context: Path,
    found: Collected,
    group: Group,
    marginals: Mapping[str, Mapping[str, Marginal]],
) -> FinishTask:
    return FinishTask(
        context=context,
        number=group.number,
        table=group.table,
        labels=group.labels,
        data=group.data,
        issues=pieces(found.issues[group.table], group.labels),
        drops=tuple(found.drops[group.table]),
        newest=pieces(found.newest[group.table], group.labels),
        window=group.window,
        stars=found.stars.get(group.number),
        targets=found.targets.get(group.table),
        marginals=marginals.get(group.table),
    )
