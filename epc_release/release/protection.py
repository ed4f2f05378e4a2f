"""The driver's side of ``protect``: rounds over all groups, and what they took away in all.

Nothing of a release is written before every key set holds within its ceilings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.risk import Marginal, Summary, merge
from epc_release.errors import ReleaseError
from epc_release.release.context import Context, TablePlan, load_context
from epc_release.release.execute import Executor
from epc_release.release.groups import Group
from epc_release.release.progress import Progress
from epc_release.release.protect import (
    Protected,
    ProtectTask,
    distributions,
    needs_marginals,
    protect,
)
from epc_release.release.stages import Collected


@dataclass
class Taken:
    """What was taken away of one table.

    ``rows`` were there before, ``dropped`` of them went. By column: ``cells`` that were starred,
    of ``starrable`` ones. By key set that only looks: rows that break it. ``marginals`` are the
    distributions of sensitive columns over what stays; ``files`` the keys of what lost something.
    ``found`` are the measures by key set before.
    """

    rows: int = 0
    dropped: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    starrable: Counter[str] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)
    marginals: Mapping[str, Marginal] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    found: dict[str, Summary] = field(default_factory=dict)


def protect_all(
    context: Path,
    found: Collected,
    groups: Sequence[Group],
    sticky: Mapping[str, Path],
    executor: Executor,
    progress: Progress,
) -> dict[str, Taken]:
    """Suppress in every table that has key sets, and in its children.

    ``sticky`` are by table the records of which the release before took something away. Raises E410
    where more would go than a key set's ceilings allow, and E411 where one that does not suppress
    is broken.
    """
    known = load_context(context)
    concerned = [group for group in groups if _concerned(known.plan(group.table))]
    taken: dict[str, Taken] = {}
    with progress.stage("protect", len(concerned), "groups of partitions") as tell:
        for table in known.job.register.tables:
            own = [group for group in concerned if group.table == table.name]
            if not own:
                continue
            plan = known.plan(table.name)
            parent = taken.get(table.parent or "")
            tasks = [
                ProtectTask(
                    context=context,
                    number=group.number,
                    table=table.name,
                    data=group.data,
                    drops=tuple(found.drops[table.name]),
                    sticky=sticky.get(table.name),
                    parents=tuple(parent.files) if parent is not None else (),
                )
                for group in own
            ]
            if table.parent is None:
                taken[table.name] = _rounds(plan, tasks, found, executor)
                _check(known, plan, taken[table.name])
            elif parent is not None and parent.dropped:
                done = [result for _, result in executor.run(protect, tasks)]
                taken[table.name] = _add(Taken(), done, found)
            tell(len(own))
    return taken


def _concerned(plan: TablePlan) -> bool:
    return bool(plan.risk) or plan.follows


def _rounds(
    plan: TablePlan, tasks: Sequence[ProtectTask], found: Collected, executor: Executor
) -> Taken:
    """One round, or where a limit looks at the whole table as many as change its distributions."""
    whole: Mapping[str, Marginal] | None = None
    if needs_marginals(plan):
        whole = reduce(merge, (part for _, part in executor.run(distributions, tasks)))
    taken = Taken()
    while True:
        before = taken.dropped
        asked = [replace(task, marginals=whole) for task in tasks]
        done = [result for _, result in executor.run(protect, asked)]
        _add(taken, done, found)
        taken.marginals = reduce(merge, (one.marginals for one in done))
        if whole is None or taken.dropped == before:
            return taken
        whole = taken.marginals
        stars = {one.number: one.stars for one in done}
        drops = tuple(found.drops[plan.table.name])
        tasks = [
            replace(task, round=task.round + 1, drops=drops, before=stars[task.number])
            for task in tasks
        ]


def _add(taken: Taken, done: Sequence[Protected], found: Collected) -> Taken:
    """Count a round's results, in the order of groups, and hand them to what comes after."""
    first = not taken.rows
    taken.cells, taken.failing = Counter(), Counter()
    for one in sorted(done, key=lambda one: one.number):
        taken.rows += one.rows if first else 0
        taken.starrable.update(one.starrable if first else {})
        taken.dropped += one.dropped
        taken.cells.update(one.cells)
        taken.failing.update(one.failing)
        taken.files += [one.taken] if one.taken else []
        if one.stars is not None:
            found.stars[one.number] = one.stars
        if one.drops is not None:
            found.drops[one.table].append(one.drops)
        found.accounts[one.table].suppressed += one.dropped
        for name, summary in one.found.items():
            taken.found[name] = taken.found[name] + summary if name in taken.found else summary
    return taken


def _check(context: Context, plan: TablePlan, taken: Taken) -> None:
    """Raises E410 and E411."""
    for key_set in plan.risk:
        policy = {"policy": context.job.policy.name, "table": plan.table.name, "id": key_set.id}
        if taken.failing[key_set.id]:
            raise ReleaseError("E411", **policy, rows=taken.failing[key_set.id])
        if key_set.action == "suppress" and taken.rows >= key_set.from_rows:
            for kind, share, ceiling in _shares(key_set, taken):
                if share > ceiling:
                    told = {"share": f"{share:.4%}", "ceiling": f"{ceiling:.4%}"}
                    raise ReleaseError("E410", **policy, kind=kind, **told)


def _shares(key_set: KeySet, taken: Taken) -> Iterator[tuple[str, float, float]]:
    """What went and what may go: of the cells that it may star, and of the records."""
    starred = sum(taken.cells[name] for name in key_set.star)
    starrable = sum(taken.starrable[name] for name in key_set.star)
    yield "cells", starred / max(1, starrable), key_set.max_cells
    yield "records", taken.dropped / max(1, taken.rows), key_set.max_rows
