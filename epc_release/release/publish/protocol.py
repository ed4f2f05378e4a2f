"""How a release becomes public: its objects, the descriptor last, checked there, then pointers.

A reader follows ``latest.json`` or ``releases.json``, and these name a release only when every
byte of it has been proven to be in the store. Nothing that is public is ever overwritten; what
fails on the way leaves the old state, and the same command goes on where it stopped. Where
something is missing that a release needs to become public, it stays staged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release.progress import Advance, Progress, Silent
from epc_release.release.publish import headers, pointers
from epc_release.release.publish.candidate import (
    LAST,
    Candidate,
    ReleaseFile,
    read_candidate,
)
from epc_release.release.publish.commit import commit
from epc_release.release.publish.parallel import each, guarded
from epc_release.release.publish.plan import Plan, plan_publish
from epc_release.release.publish.seal import Seal
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
from epc_release.release.signing import sign_release

Verify = Callable[[Path], object]  # raises ReleaseError (E70x) if a release folder is not right
# What is missing for a staged release to become public; nothing where it may.
Lacking = Callable[[Store, str, pointers.Index], tuple[object, ...]]
# Told of everything that changes what is public: the action and its details, around the change.
Record = Callable[[str, Mapping[str, Any]], AbstractContextManager[None]]


@dataclass(frozen=True)
class PublishReport:
    """What was done. ``outcome`` is ``published``, ``renewed`` (only the pointers' expiry and
    signatures), ``staged`` (``lacks`` says what is missing), ``unchanged``, or ``planned`` (dry
    run).

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
    lacks: tuple[str, ...] = ()

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
        told += f"; current release: {self.current or 'none'}"
        if self.lacks:
            told += "\nIt is staged and not public yet:\n"
            told += "".join(f"  - {lack}\n" for lack in self.lacks)
            told += f"Then: epc-release promote {self.release} --to {self.uri}"
        return told

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
    seal: Seal | None = None,
    lacking: Lacking = lambda *_: (),
    record: Record = lambda *_: nullcontext(),
) -> PublishReport:
    """Publish the release folder ``release`` to the folder or ``s3://bucket/prefix`` ``to``.

    ``verify`` is asked first, ``lacking`` when all is staged and proven. The release is signed with
    the key of ``seal``, where it has one.

    Raises E613 for a partial or synthetic release and a store that is no folder, E610 or E618 if
    the id is taken or was taken back, E612 for another line's place, E611 or E615 if another
    publisher is at work, E614 for a folder with other files than its SHA256SUMS lists, E431 or E432
    if the place is signed by another key or by one that is not given, E50x if the store fails.
    """
    seal = seal or Seal(datetime.now(UTC))
    candidate = read_candidate(release)
    allowed = {"partial": allow_partial, "synthetic": allow_synthetic}
    permit(candidate, str(to), allowed)
    verify(release)
    if seal.key is not None and not dry_run:
        sign_release(release, candidate.release, seal.key)
        candidate = read_candidate(release)
    store = open_store(to)
    survey = look_up(store, candidate, seal)
    if dry_run or survey.done:
        return _report(candidate, store, survey, "planned" if dry_run else "unchanged")
    store.prepare()
    with store.exclusive() as hold:
        survey = look_up(store, candidate, seal)
        _send(store, candidate, survey, progress or Silent())
        if survey.listed:
            outcome = "published" if survey.plan.new else "renewed"
            index = survey.index
        else:
            outcome, index = "published", pointers.add(survey.index, candidate)
            lacks = lacking(store, candidate.release, survey.index)
            if lacks:
                return _report(candidate, store, survey, "staged", lacks)
        with record("publish", told(store, index, candidate.release, seal)):
            make_public(store, hold, candidate.release, survey.index, index, seal)
    return _report(candidate, store, replace(survey, index=index), outcome)


def make_public(
    store: Store,
    hold: Hold,
    release: str,
    before: pointers.Index,
    after: pointers.Index,
    seal: Seal,
) -> pointers.Index:
    """The one moment at which readers see something new. Whoever calls has proven the files."""
    hold.check()
    store.promote(release)
    return commit(store, hold, before, after, seal)


def told(store: Store, index: pointers.Index, release: str, seal: Seal) -> dict[str, Any]:
    """What the operations log says of a change of what is public."""
    entry, current = index.entry(release) or {}, index.current
    return {
        "release": release,
        "to": store.uri,
        "sha256": entry.get("sha256"),
        "status": entry.get("status"),
        "current": current["id"] if current else None,
        "key": seal.key_id,
    }


def _send(store: Store, candidate: Candidate, survey: Survey, progress: Progress) -> None:
    plan, staging = survey.plan, survey.staging
    if survey.refused:
        raise conflict(store, candidate, survey.refused)
    for path in plan.conflicting:  # what an earlier attempt left where no reader sees it
        store.delete(f"{staging}{path}")
    if plan.conflicting:
        plan = plan_publish(candidate.files, existing(store, candidate, staging))
    last = [file for file in plan.new if file.path in LAST]
    with progress.stage("publish", plan.bytes, "bytes") as advance:
        put = _putter(store, staging, guarded(advance))
        each(put, [file for file in plan.new if file not in last], WORKERS)
        for file in last:
            put(file)
    check_stored(store, candidate, staging, progress)


def check_stored(store: Store, candidate: Candidate, prefix: str, progress: Progress) -> None:
    """Raises E505 unless every file of a release is below ``prefix`` with its hash."""
    with progress.stage("check", len(candidate.files), "files") as advance:
        each(_checker(store, prefix, guarded(advance)), candidate.files, WORKERS)


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


def _report(
    candidate: Candidate,
    store: Store,
    survey: Survey,
    outcome: str,
    lacks: tuple[object, ...] = (),
) -> PublishReport:
    current = survey.index.current
    return PublishReport(
        release=candidate.release,
        uri=store.uri,
        outcome=outcome,
        plan=survey.plan,
        refused=survey.refused,
        current=current["id"] if current else None,
        lacks=tuple(map(str, lacks)),
    )
