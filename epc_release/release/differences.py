"""The driver's side of ``differ``: all buckets against the release before, and what follows.

Gates against differencing: a published value that changed although nothing that it comes from did
stops the build, and so does a starred one that is shown again. What else changed is counted for the
private report; few records that leave together are told to the release manager, and go, since an
opt-out is never delayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from epc_release import __version__
from epc_release.errors import ReleaseError
from epc_release.release.context import load_context
from epc_release.release.differ import PRINTS, Differences, DifferTask, differ
from epc_release.release.disk import private_folder
from epc_release.release.earlier import Earlier
from epc_release.release.execute import Executor
from epc_release.release.log import LOGGER
from epc_release.release.prepare import Prepared
from epc_release.release.progress import Progress
from epc_release.release.protection import Taken
from epc_release.release.stages import Collected
from epc_release.release.sticky import key_id


@dataclass(frozen=True)
class EarlierPrints:
    """Prints of the ``release`` before: by table and bucket, of ``buckets``, the file.

    ``same_key``: its pseudonyms are of this build's key; ``alike``: and policy (hierarchies with
    it) and version are those of this build, so that equal sources are published equally.
    """

    release: str
    buckets: int
    files: Mapping[str, Mapping[int, Path]]
    same_key: bool
    alike: bool

    def of(self, table: str, bucket: int, buckets: int) -> tuple[Path, ...]:
        """The files with records of one of our ``buckets``; both numbers are powers of two."""
        fewer = min(self.buckets, buckets)
        files = self.files.get(table, {})
        return tuple(files[each] for each in sorted(files) if each % fewer == bucket % fewer)


def read_prints(prepared: Prepared, before: Earlier | None) -> EarlierPrints | None:
    """What to compare with; None where there is nothing, or not all records are read.

    Raises E413 where the state lost it.
    """
    if before is None or prepared.settings.limit is not None or "prints" not in before.report:
        return None
    kept, report = before.report["prints"], before.report
    same_key = report.get("key_id") == key_id(prepared)
    ours = (prepared.policy.sha256, __version__)
    return EarlierPrints(
        before.release,
        kept["buckets"],
        {
            table: {b: before.kept(PRINTS, table, f"{b}.parquet") for b in buckets}
            for table, buckets in kept["tables"].items()
        },
        same_key,
        same_key and (report.get("policy_sha256"), report.get("version")) == ours,
    )


def differ_all(
    context: Path,
    found: Collected,
    taken: Mapping[str, Taken],
    before: EarlierPrints | None,
    kept: Path,
    executor: Executor,
    progress: Progress,
) -> dict[str, Differences]:
    """Compare every bucket of every table, and leave this release's prints under ``kept``.

    A table that one of the two releases has not is compared as well; of a partial build nothing is.
    """
    job = load_context(context).job
    tables = [
        table
        for table in job.register.tables
        if not job.partial
        and (table.name in found.remembered or (before and before.files.get(table.name)))
    ]
    tasks = []
    for table in tables:
        folder = kept / PRINTS / table.name
        private_folder(folder)
        lost = taken.get(table.name)
        for bucket in range(job.buckets):
            task = DifferTask(
                context=context,
                table=table.name,
                bucket=bucket,
                buckets=job.buckets,
                prints=found.remembered.get(table.name, {}).get(bucket),
                drops=tuple(found.drops.get(table.name, ())) if table.parent else (),
                taken=tuple(lost.files) if lost else (),
                before=before.of(table.name, bucket, job.buckets) if before else None,
                same_key=before is not None and before.same_key,
                target=folder / f"{bucket}.parquet",
            )
            if task.prints or task.before:
                tasks.append(task)
    whole = {table.name: Differences() for table in tables}
    with progress.stage("compare", len(tasks), "buckets") as tell:
        for task, one in executor.run(differ, tasks):
            whole[task.table] += one
            tell(1)
    return whole


def kept_prints(prepared: Prepared, kept: Path) -> dict[str, Any] | None:
    """Which prints this release leaves, for its report."""
    folder = kept / PRINTS
    if not folder.is_dir():
        return None
    tables = {
        each.name: sorted(int(file.stem) for file in each.iterdir())
        for each in sorted(folder.iterdir())
    }
    return {"buckets": prepared.buckets, "tables": tables}


def judge(
    prepared: Prepared, before: EarlierPrints | None, found: Mapping[str, Differences]
) -> dict[str, Any] | None:
    """What the private report tells of the differences; None where there is nothing to compare.

    Raises E415 where something is published otherwise that nothing changed, or shown again.
    """
    if before is None:
        return None
    least = prepared.policy.release.min_removed
    small = {table: one.removed for table, one in found.items() if 0 < one.removed < least}
    for table, one in found.items():
        if before.alike and (one.unexplained or sum(one.shown.values())):
            raise ReleaseError(
                "E415",
                table=table,
                changed=one.unexplained,
                shown=sum(one.shown.values()),
                release=before.release,
            )
    for table, removed in small.items():
        message = "few records leave together: who holds both releases sees what became of them"
        extra = {"table": table, "records": removed, "least": least, "release": before.release}
        LOGGER.warning(message, extra=extra)
    return {
        "compared_with": before.release,
        "same_key": before.same_key,
        "alike": before.alike,
        "tables": {table: asdict(one) for table, one in found.items()},
        "small_removals": small,
    }
