"""From what the tasks left to the frozen facts of the release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from epc_release import __version__
from epc_release.anonymise.policy import Policy, identifying_policies
from epc_release.anonymise.ruletally import RuleTally
from epc_release.errors import ReleaseError
from epc_release.manifests.facts import (
    AggregateFacts,
    ArchiveFacts,
    Issue,
    PolicyFacts,
    RefusedFacts,
    ReleaseFacts,
    RuleFacts,
    TableFacts,
    TableLedger,
)
from epc_release.manifests.licence import licence_text
from epc_release.release.conform.codes import CODES, MANY_OF_UNIT
from epc_release.release.context import Context, TablePlan
from epc_release.release.execute import Executor
from epc_release.release.finish import Finished
from epc_release.release.ledger import Account
from epc_release.release.prepare import Prepared
from epc_release.release.presence import Presence
from epc_release.release.progress import Progress
from epc_release.release.protection import Taken
from epc_release.release.proven import protected_facts
from epc_release.release.stages import Collected
from epc_release.release.write.archives import Archive, TableCsv, plan_archives, write_archive


@dataclass(frozen=True)
class ArchiveTask:
    """One archive to put together under ``root``."""

    root: Path
    archive: Archive


def table_facts(
    context: Context, found: Collected, finished: list[Finished], taken: Mapping[str, Taken]
) -> tuple[TableFacts, ...]:
    """One for each table that was read.

    Raises E902 and E903 where rows are not accounted for, E412 where the files do not hold what the
    policy asks for.
    """
    tables = []
    for table in context.job.register.tables:
        if table.name in found.accounts:
            mine = [done for done in finished if done.table == table.name]
            plan = context.plan(table.name)
            ledger = _ledger(table.name, found.accounts[table.name], mine)
            facts = TableFacts(
                name=table.name,
                schema=plan.written,
                ledger=ledger,
                parts=tuple(part for done in mine for part in done.parts),
                issues=_issues(plan, mine, found.crowded[table.name]),
                inherited=plan.inherited,
                partition=plan.partition,
                year=plan.year,
                years=_years(plan, mine),
                rules=_rules(plan, found.rules[table.name], mine),
                record_rules=tuple(
                    rule.id for rule in plan.job.policy.records if table.name in rule.tables
                ),
            )
            known = {**_presence(mine), **protected_facts(plan, mine, taken.get(table.name))}
            tables.append(replace(facts, **known))
    return tuple(tables)


def _rules(
    plan: TablePlan, did: Mapping[str, RuleTally], finished: list[Finished]
) -> tuple[RuleFacts, ...]:
    """Of every column of the register, in its order, and of the flag for the latest record."""
    rules = plan.job.policy.tables[plan.table.name]
    emptied: Counter[str] = Counter()
    for done in finished:
        emptied.update(done.unpublished)
    found = [
        RuleFacts(
            column=name,
            rule=rules[name].rule.name,
            column_class=rules[name].column_class,
            published=name in plan.published,
            used={each.name: each.sha256 for each in rules[name].rule.used},
            did={
                **(did[name].told() if name in did else {}),
                **({"unpublished_targets": emptied[name]} if name in plan.targets else {}),
            },
        )
        for name in plan.schema.names
    ]
    if plan.latest is not None:
        found.append(RuleFacts(plan.latest.column, "latest", "other", published=True))
    return tuple(found)


def _ledger(table: str, account: Account, finished: list[Finished]) -> TableLedger:
    account.published = sum(done.rows for done in finished)
    written = sum(part.rows or 0 for done in finished for part in done.parts)
    if written != account.published:
        raise ReleaseError("E903", table=table, counted=account.published, written=written)
    return account.close(table)


def _issues(
    plan: TablePlan, finished: list[Finished], crowded: Counter[str | None]
) -> tuple[Issue, ...]:
    """By column, code and partition (a missing one last)."""
    counts: Counter[tuple[str | None, int, int]] = Counter()
    for done in finished:
        counts.update(done.issues)
    if plan.table.unit is not None:
        unit = plan.schema.names.index(plan.table.unit)
        counts.update({(place, unit, MANY_OF_UNIT): n for place, n in crowded.items()})
    return tuple(
        Issue(
            table=plan.table.name,
            column=plan.schema.names[column],
            code=CODES[code].code,
            severity=CODES[code].severity,
            count=counts[place, column, code],
            partition=place,
        )
        for place, column, code in sorted(
            counts, key=lambda at: (at[1], at[2], at[0] is None, at[0] or "")
        )
    )


def _years(plan: TablePlan, finished: list[Finished]) -> dict[str, int]:
    """Published rows by year label; empty where the policy publishes no year."""
    years: Counter[str] = Counter()
    if plan.year is not None:
        for fragment in (f for done in finished for csv in done.csv for f in csv.fragments):
            years[fragment.year] += fragment.rows
    return dict(sorted(years.items()))


def _presence(finished: list[Finished]) -> dict[str, Any]:
    """``missing`` and ``first_years`` of all columns."""
    found: dict[str, Presence] = {}
    for done in finished:
        for name, part in done.presence.items():
            found[name] = found[name] + part if name in found else part
    return {
        "missing": {name: each.missing for name, each in found.items()},
        "first_years": {n: each.first_year for n, each in found.items() if each.first_year},
    }


def write_archives(
    prepared: Prepared,
    context: Context,
    finished: list[Finished],
    executor: Executor,
    progress: Progress,
) -> tuple[ArchiveFacts, ...]:
    """Put every archive together from the fragments; by path."""
    tables = []
    for table in context.job.register.tables:
        mine = [done for done in finished if done.table == table.name]
        if mine:
            plan = context.plan(table.name)
            csv = tuple(part for done in mine for part in done.csv)
            tables.append(TableCsv(table, plan.published, csv, plan.partition, plan.year))
    archives = plan_archives(
        context.job.register,
        tables,
        _licence(prepared, context, tables),
        prepared.settings.archives,
    )
    tasks = [ArchiveTask(context.job.release, archive) for archive in archives]
    with progress.stage("archives", len(tasks), "zips") as tell:
        made = []
        for _, facts in executor.run(write_one, tasks):
            made.append(facts)
            tell(1)
    return tuple(sorted(made, key=lambda facts: facts.path))


def write_one(task: ArchiveTask) -> ArchiveFacts:
    """Run one archive."""
    return write_archive(task.root, task.archive)


def _licence(prepared: Prepared, context: Context, tables: list[TableCsv]) -> str:
    schemas = {table.table.name: context.plan(table.table.name).derived for table in tables}
    return licence_text(prepared.register, policy_facts(prepared.policy), schemas)


def policy_facts(policy: Policy) -> PolicyFacts:
    """What the release tells of its policy."""
    return PolicyFacts(
        name=policy.name,
        title=policy.title,
        description=policy.description,
        sha256=policy.sha256,
        access=policy.access,
        reasons=policy.reasons,
        personal_data=policy.contains_personal_data,
    )


def release_facts(
    prepared: Prepared,
    tables: tuple[TableFacts, ...],
    archives: tuple[ArchiveFacts, ...],
    accepted: tuple[tuple[str, str], ...],
    aggregates: tuple[AggregateFacts, ...] = (),
) -> ReleaseFacts:
    """Everything that descriptions are made from."""
    upstream = {rule for dialect in prepared.dialects for rule in dialect.screened_upstream}
    others = {*identifying_policies(prepared.register.name)} - {prepared.policy.name}
    return ReleaseFacts(
        register=prepared.register,
        release=prepared.release,
        cutoff=prepared.cutoff,
        policy=policy_facts(prepared.policy),
        tables=tables,
        archives=archives,
        screened_upstream=tuple(sorted(upstream)),
        version=__version__,
        partial=prepared.settings.limit is not None,
        synthetic=prepared.synthetic,
        accepted=accepted,
        aggregates=aggregates,
        identifying=tuple(sorted(others)),
        refused=tuple(
            RefusedFacts(file.name, file.code, file.records) for file in prepared.inventory.refused
        ),
    )
