"""From what the tasks left to the frozen facts of the release."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from epc_release import __version__
from epc_release.anonymise.policy import Policy
from epc_release.errors import ReleaseError
from epc_release.manifests.facts import (
    ArchiveFacts,
    Issue,
    PolicyFacts,
    ReleaseFacts,
    TableFacts,
    TableLedger,
)
from epc_release.manifests.licence import licence_text
from epc_release.release.conform.codes import CODES
from epc_release.release.context import Context, TablePlan
from epc_release.release.execute import Executor
from epc_release.release.finish import Finished
from epc_release.release.ledger import Account
from epc_release.release.prepare import Prepared
from epc_release.release.progress import Progress
from epc_release.release.stages import Collected
from epc_release.release.write.archives import Archive, TableCsv, plan_archives, write_archive


@dataclass(frozen=True)
class ArchiveTask:
    """One archive to put together under ``root``."""

    root: Path
    archive: Archive


def table_facts(
    context: Context, found: Collected, finished: list[Finished]
) -> tuple[TableFacts, ...]:
    """One for each table that was read. Raises E902 and E903 where rows are not accounted for."""
    tables = []
    for table in context.job.register.tables:
        if table.name in found.accounts:
            mine = [done for done in finished if done.table == table.name]
            plan = context.plan(table.name)
            ledger = _ledger(table.name, found.accounts[table.name], mine)
            tables.append(
                TableFacts(
                    name=table.name,
                    schema=plan.written,
                    ledger=ledger,
                    parts=tuple(part for done in mine for part in done.parts),
                    issues=_issues(plan, mine),
                    inherited=plan.inherited,
                    partition=plan.partition,
                    year=plan.year,
                )
            )
    return tuple(tables)


def _ledger(table: str, account: Account, finished: list[Finished]) -> TableLedger:
    account.published = sum(done.rows for done in finished)
    written = sum(part.rows or 0 for done in finished for part in done.parts)
    if written != account.published:
        raise ReleaseError("E903", table=table, counted=account.published, written=written)
    return account.close(table)


def _issues(plan: TablePlan, finished: list[Finished]) -> tuple[Issue, ...]:
    counts: Counter[tuple[int, int]] = Counter()
    for done in finished:
        counts.update(done.issues)
    return tuple(
        Issue(
            table=plan.table.name,
            column=plan.schema.names[column],
            code=CODES[code].code,
            severity=CODES[code].severity,
            count=count,
        )
        for (column, code), count in sorted(counts.items())
    )


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
    prepared: Prepared, tables: tuple[TableFacts, ...], archives: tuple[ArchiveFacts, ...]
) -> ReleaseFacts:
    """Everything that descriptions are made from."""
    upstream = {rule for dialect in prepared.dialects for rule in dialect.screened_upstream}
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
    )
