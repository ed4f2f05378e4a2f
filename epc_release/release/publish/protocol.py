"""How a release becomes public: its objects, the descriptor last, checked there, then pointers.

A reader follows ``latest.json`` or ``releases.json``, and these name a release only when every
byte of it has been proven to be in the store. Nothing that is public is ever overwritten; what
fails on the way leaves the old state, and the same command goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.progress import Advance, Progress, Silent
from epc_release.release.publish import headers, pointers
from epc_release.release.publish.candidate import (
    Candidate,
    ReleaseFile,
    read_candidate,
)
from epc_release.release.publish.parallel import each, guarded
from epc_release.release.publish.plan import Plan, plan_publish
from epc_release.release.publish.stores import Hold, Store
from epc_release.release.publish.survey import (
    WORKERS,
    Survey,
    conflict,
    existing,
    few,
    look_up,
    permit,
)
from epc_release.release.publish.target import open_store

Verify = Callable[[Path], object]  # raises ReleaseError (E70x) if a release folder is not right

_LAST = 2  # the descriptor, then SHA256SUMS


@dataclass(frozen=True)
class PublishReport:
    """What was done: ``outcome`` is ``published``, ``unchanged`` or ``planned`` (dry run).

    ``refused`` are the paths for which this release would be refused (E610): other content is
    public there. ``current`` is the id that ``latest.json`` names afterwards (None: none, or a dry
    run at a place without releases).
    """

    release: str
    uri: str
    outcome: str
    plan: Plan
    refused: tuple[str, ...]
    current: str | None

    def summary(self) -> str:
        """For a person, in a few lines."""
        told = (
            f"{self.release} {self.outcome} at {self.uri}: {len(self.plan.new)} new files"
            f" ({self.plan.bytes} bytes), {len(self.plan.same)} there already"
        )
        if self.refused:
            told += f", {len(self.refused)} conflicting: {few(self.refused)}"
        elif self.plan.conflicting:
            told += f", {len(self.plan.conflicting)} left by an earlier attempt and replaced"
        return f"{told}; current release: {self.current or 'none'}"

    def check(self) -> None:
        """E610 if this release would be refused."""
        if self.refused:
            raise ReleaseError("E610", uri=self.uri, release=self.release, paths=few(self.refused))


def publish(
    release: Path,
    to: str | Path,
    *,
    verify: Verify,
    dry_run: bool = False,
    allow_partial: bool = False,
    allow_synthetic: bool = False,
    progress: Progress | None = None,
) -> PublishReport:
    """Publish the release folder ``release`` to the folder or ``s3://bucket/prefix`` ``to``.

    ``verify`` is asked first. Raises E613 for a partial or synthetic release and a store that is
    no folder, E610 or E618 if the id is taken or was taken back, E612 for another line's place,
    E611 or E615 if another publisher is at work, E614 for a folder with other files than its
    SHA256SUMS lists, E50x if the store fails.
    """
    candidate = read_candidate(release)
    allowed = {"partial": allow_partial, "synthetic": allow_synthetic}
    permit(candidate, str(to), allowed)
    verify(release)
    store = open_store(to)
    survey = look_up(store, candidate)
    if dry_run or survey.done:
        return _report(candidate, store, survey, "planned" if dry_run else "unchanged")
    store.prepare()
    with store.exclusive() as hold:
        survey = look_up(store, candidate)
        _send(store, candidate, survey, progress or Silent())
        survey = _point(store, candidate, survey, hold)
    return _report(candidate, store, survey, "published")


def _send(store: Store, candidate: Candidate, survey: Survey, progress: Progress) -> None:
    plan, staging = survey.plan, survey.staging
    if survey.refused:
        raise conflict(store, candidate, survey.refused)
    for path in plan.conflicting:  # what an earlier attempt left where no reader sees it
        store.delete(f"{staging}{path}")
    if plan.conflicting:
        plan = plan_publish(candidate.files, existing(store, candidate, staging))
    last = [file for file in plan.new if file in candidate.files[-_LAST:]]
    with progress.stage("publish", plan.bytes, "bytes") as advance:
        put = _putter(store, staging, guarded(advance))
        each(put, [file for file in plan.new if file not in last], WORKERS)
        for file in last:
            put(file)
    with progress.stage("check", len(candidate.files), "files") as advance:
        each(_checker(store, staging, guarded(advance)), candidate.files, WORKERS)


def _putter(store: Store, staging: str, advance: Advance) -> Callable[[ReleaseFile], None]:
    def put(file: ReleaseFile) -> None:
        path, served = f"{staging}{file.path}", headers.of_release(file.path)
        try:
            store.put(path, file.source, sha256=file.sha256, headers=served, sent=advance)
        except OSError as why:
            raise ReleaseError("E506", path=file.source, reason=why.strerror or why) from why

    return put


def _checker(store: Store, staging: str, advance: Advance) -> Callable[[ReleaseFile], None]:
    def check(file: ReleaseFile) -> None:
        if store.digest(f"{staging}{file.path}") != file.sha256:
            raise ReleaseError("E505", uri=store.uri, path=f"{staging}{file.path}")
        advance(1)

    return check


def _point(store: Store, candidate: Candidate, survey: Survey, hold: Hold) -> Survey:
    """Make the release public: the one moment at which readers see something new."""
    hold.check()
    store.promote(candidate.release)
    index = survey.index
    if not survey.listed:
        index = pointers.add(index, candidate)
        _replace(store, pointers.RELEASES, pointers.releases_json(index), index.version)
    latest = pointers.latest_json(index)
    if latest is not None and latest != survey.latest:
        _replace(store, pointers.LATEST, latest, survey.latest_version)
    return replace(survey, index=index, listed=True, latest=latest)


def _replace(store: Store, path: str, data: bytes, version: str | None) -> None:
    store.replace(path, data, headers=headers.of_pointer(path), expected=version)
    stored = store.read(path)
    if stored is None or stored[0] != data:
        raise ReleaseError("E615", uri=store.uri, path=path)


def _report(candidate: Candidate, store: Store, survey: Survey, outcome: str) -> PublishReport:
    current = survey.index.current
    return PublishReport(
        release=candidate.release,
        uri=store.uri,
        outcome=outcome,
        plan=survey.plan,
        refused=survey.refused,
        current=current["id"] if current else None,
    )
