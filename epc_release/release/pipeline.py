"""The way of the data, on one page: an extract in, a finished release out.

source -> conform -> screen -> anonymise (``route``), keys and children (``settle``), key sets
(``protect``), validate and write (``finish``), archives, describe, verify, install. Publishing is a
step of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from epc_release.costs import spent
from epc_release.errors import ReleaseError
from epc_release.manifests.describe import describe
from epc_release.manifests.facts import ReleaseFacts, TableFacts
from epc_release.manifests.layout import SIGNATURE
from epc_release.manifests.verify import verify
from epc_release.release import keep, quarantine
from epc_release.release.aggregates import make_aggregates
from epc_release.release.approvals import check_approval
from epc_release.release.assemble import release_facts, table_facts, write_archives
from epc_release.release.changes.make import make_changes
from epc_release.release.collisions import check_collisions
from epc_release.release.config import Settings
from epc_release.release.context import Job, load_context, save_job
from epc_release.release.differences import differ_all, judge
from epc_release.release.execute import Executor, open_executor
from epc_release.release.gates.baseline import read_baseline
from epc_release.release.gates.evaluate import Judged, evaluate, settle_breaches
from epc_release.release.gates.history import first_seen
from epc_release.release.gates.previous import Baseline
from epc_release.release.groups import Group, make_groups
from epc_release.release.interval import check_interval
from epc_release.release.journal import Journal, Journaled
from epc_release.release.leaks.gather import gather
from epc_release.release.leaks.scan import scan_fast
from epc_release.release.ledger import check_any, check_empty
from epc_release.release.line import Line, keep_line, read_line
from epc_release.release.prepare import Prepared, prepare
from epc_release.release.profile import Profile, Profiled, profiling
from epc_release.release.progress import Progress
from epc_release.release.protection import Taken, protect_all
from epc_release.release.report import BuildReport, PlanReport
from epc_release.release.resume import JOURNAL, Build, as_begun
from epc_release.release.signing import sign_release, signing_key
from epc_release.release.source import Chunk, check_control, chunks
from epc_release.release.source.stream import Digests
from epc_release.release.stages import (
    Collected,
    count_all_units,
    find_all_newest,
    find_all_targets,
    finish_all,
    keep_drops,
    left_out_records,
    route_all,
    settle_all,
)
from epc_release.release.sticky import key_id
from epc_release.release.workspace import install, work_base, workspace


@dataclass(frozen=True)
class Made:
    """A described release in the work folder, and what its private report says beside its facts."""

    facts: ReleaseFacts
    judged: Judged
    notes: Mapping[str, Any]
    profile: Profile = field(default_factory=Profile)


def plan(settings: Settings) -> PlanReport:
    """What ``build`` would do; reads headers, the control file and the suppression list only.

    Raises what stops a build before it reads.
    """
    prepared = _admitted(settings)
    check_interval(prepared)
    return PlanReport(prepared)


def build(settings: Settings, progress: Progress) -> BuildReport:
    """Make a release in ``settings.out``; nothing appears there before it is whole and verified."""
    prepared = _admitted(as_begun(settings, work_base(settings)))
    settings, key = prepared.settings, signing_key()
    keep.check_cell_key(prepared)
    baseline = _baseline(prepared)
    line = read_line(prepared)
    signer = key.public.key_id if key else None
    build = Build.of(prepared, baseline.release if baseline else None, signer)
    with workspace(settings, build) as work, closing(Journal(work / JOURNAL)) as journal:
        made: Made | None = journal.installed
        if made is None:
            made = _made(prepared, baseline, line, work, journal, progress)
            if key is not None:
                sign_release(work / "release", prepared.release, key)
            journal.install(made)
        made_here = (work / "release").exists()  # not where the build ended just after moving it
        new = install(work / "release", settings.out, prepared.release) if made_here else True
        keep.remember(prepared, made.facts, made.judged, made.notes, work / "kept")
    return BuildReport(
        made.facts,
        settings.out / prepared.release,
        new,
        settings.state,
        made.judged,
        line.sticky.rekeyed,
        made.profile,
    )


def _made(
    prepared: Prepared,
    baseline: Baseline | None,
    line: Line,
    work: Path,
    journal: Journal,
    progress: Progress,
) -> Made:
    """The release in ``work/release``, verified, and what is kept of it in ``work/kept``."""
    settings = prepared.settings
    with profiling() as profile:
        executor = Journaled(
            Profiled(open_executor(settings.executor, settings.jobs), profile), journal
        )
        try:
            made = _make(prepared, baseline, line, work, executor, progress)
            scan_fast(work / "release", work / "kept" / "private", executor, progress).check()
        finally:
            executor.close()
        with spent("verify"):
            verify(work / "release").check()
    made = replace(made, notes={**made.notes, "profile": profile.as_dict()}, profile=profile)
    keep.stage(prepared, made.facts, made.judged, made.notes, work / "kept")
    return made


def _admitted(settings: Settings) -> Prepared:
    """What is known before reading; nothing speaks against a release of that name and policy."""
    prepared = prepare(settings)
    keep.check_line(prepared)
    check_approval(prepared.policy, settings.state, settings.approval == "required")
    return prepared


def _make(
    prepared: Prepared,
    baseline: Baseline | None,
    line: Line,
    work: Path,
    executor: Executor,
    progress: Progress,
) -> Made:
    """All stages, to the described release in ``work/release``."""
    path = _start(prepared, work)
    context = load_context(path)
    digests: Digests = {}
    with progress.stage("read", sum(p.bytes for p in prepared.inventory.parts), "bytes") as tell:
        found = route_all(path, _chunks(prepared, work, digests), executor, tell)
    if prepared.settings.limit is None:
        check_control(prepared.inventory, digests, _rows_by_part(found))
    check_collisions(found.pseudonyms, context.job.buckets, executor, progress)
    settle_all(path, found, executor, progress)
    find_all_newest(path, found, executor, progress)
    with _kept(prepared, path, found, drops=True):
        _refuse_nothing(prepared, found)
        groups = _groups(prepared, found, executor)
        taken = protect_all(path, found, groups, line.sticky.files or {}, executor, progress)
        _refuse_nothing(prepared, found)
        other = differ_all(path, found, taken, line.prints, work / "kept", executor, progress)
        differences = judge(prepared, line.prints, other)
    find_all_targets(path, found, executor, progress)
    count_all_units(path, found, executor, progress)
    marginals = {name: each.marginals for name, each in taken.items() if context.plan(name).risk}
    finished = finish_all(path, found, groups, marginals, executor, progress)
    tables = table_facts(context, found, finished, taken)
    with _kept(prepared, path, found, drops=False):
        judged = _gates(prepared, baseline, tables)
    archives = write_archives(prepared, context, finished, executor, progress)
    with spent("describe"):
        aggregates = make_aggregates(context, finished, _lost(taken))
        facts = release_facts(prepared, tables, archives, judged.told, aggregates)
    with spent("changes"):
        changes = make_changes(prepared.settings, facts, work, executor, progress)
        facts = replace(facts, changes=changes)
    with spent("describe"):
        describe(facts, context.job.release)
    _gather(path, found, work / "kept" / "quarantine")
    gather(prepared, work, work / "kept" / "private")
    notes = keep_line(prepared, line, taken, differences, found.listed, work / "kept")
    return Made(facts, judged, notes)


def _start(prepared: Prepared, work: Path) -> Path:
    """Save what every task knows."""
    (work / "release").mkdir(mode=0o755, exist_ok=True)
    (work / "release" / SIGNATURE).unlink(missing_ok=True)  # of a build that was interrupted then
    (work / "kept").mkdir(mode=0o700, exist_ok=True)
    opted_out = listed = None
    if prepared.suppressions is not None:
        opted_out, listed = work / "opted-out.parquet", work / "listed.parquet"
        prepared.suppressions.opted_out.to_frame("key").write_parquet(opted_out)
        prepared.suppressions.listed.to_frame("key").write_parquet(listed)
    return save_job(
        Job(
            work=work,
            release=work / "release",
            register=prepared.register,
            policy=prepared.policy,
            cutoff=prepared.cutoff,
            opted_out=opted_out,
            listed=listed,
            sites=prepared.settings.sites,
            buckets=prepared.buckets,
            compression_level=prepared.settings.compression_level,
            partial=prepared.settings.limit is not None,
            key_id=key_id(prepared),
        )
    )


def _lost(taken: Mapping[str, Taken]) -> dict[str, frozenset[str] | None]:
    """By table the columns of which suppression starred cells; None where it dropped rows."""
    return {
        name: None if each.dropped else frozenset(n for n, count in each.cells.items() if count)
        for name, each in taken.items()
    }


def _chunks(prepared: Prepared, work: Path, digests: Digests) -> Iterator[Chunk]:
    """The chunks of every table; a limit is on the records of parents, not on their children."""
    staging = work / "staged"
    staging.mkdir(mode=0o700, exist_ok=True)
    number = count()
    for table in prepared.register.tables:
        for chunk in chunks(
            prepared.inventory.of(table.name),
            work=staging,
            chunk_bytes=prepared.chunk_bytes,
            limit=None if table.parent else prepared.settings.limit,
            digests=digests,
        ):
            yield replace(chunk, number=next(number))


def _groups(prepared: Prepared, found: Collected, executor: Executor) -> list[Group]:
    sizes = {name: prepared.group_rows(name, a.read) for name, a in found.accounts.items()}
    return make_groups(prepared.register.tables, found.data, sizes, executor.jobs)


def _rows_by_part(found: Collected) -> dict[str, int]:
    rows: dict[str, int] = {}
    for _, part, records in found.chunks:
        rows[part] = rows.get(part, 0) + records
    return rows


def _baseline(prepared: Prepared) -> Baseline | None:
    """The previous release; a build with a limit is compared with none."""
    settings = prepared.settings
    if settings.limit is not None:
        return None
    line = (prepared.register.name, prepared.policy.name)
    return read_baseline(settings.previous, settings.to, *line)


def _gates(prepared: Prepared, baseline: Baseline | None, tables: tuple[TableFacts, ...]) -> Judged:
    """Data quality gates; nothing of the release is installed before they are passed."""
    settings, register = prepared.settings, prepared.register
    since = first_seen(settings.state, register.name, prepared.policy.name)
    breaches = evaluate(register, tables, baseline, since)
    accepted = settle_breaches(breaches, settings.accept, keep.stopped(prepared))
    return Judged(baseline.release if baseline else None, accepted)


def _refuse_nothing(prepared: Prepared, found: Collected) -> None:
    """A build of no records, or a table of which none is left, goes no further."""
    if not any(account.read for account in found.accounts.values()):
        raise ReleaseError("E305", register=prepared.register.name)
    for table in prepared.register.tables:
        if table.name in found.accounts and not prepared.settings.allow_empty:
            check_empty(table.name, found.accounts[table.name])
    check_any(found.accounts.values())


@contextmanager
def _kept(prepared: Prepared, context: Path, found: Collected, *, drops: bool) -> Iterator[None]:
    """Where a gate stops the build, what was rejected is kept, so that one can look at it.

    ``drops``: parents that settling refused are not yet in the quarantine, as they are after
    ``finish``.
    """
    try:
        yield
    except ReleaseError:
        if drops:
            keep_drops(context, found)
        _gather(context, found, keep.stopped(prepared))
        raise


def _gather(context: Path, found: Collected, target: Path) -> None:
    quarantine.gather(
        context.with_name("quarantine"), target, found.places(), left_out_records(found)
    )
