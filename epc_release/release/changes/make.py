"""``changes/`` of a release that is being built: what changed since releases that are published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from epc_release.manifests.canonical import to_utc
from epc_release.manifests.changes import Changes
from epc_release.manifests.datapackage import descriptor
from epc_release.manifests.facts import ChangeFacts, FileFacts, ReleaseFacts
from epc_release.manifests.layout import CHANGES
from epc_release.manifests.reader import FolderReader
from epc_release.release.changes.compare import Comparison, compare
from epc_release.release.changes.earlier import earlier_places
from epc_release.release.changes.records import records_schema, removed_schema
from epc_release.release.changes.sides import Side, open_side
from epc_release.release.config import Settings
from epc_release.release.disk import private_folder
from epc_release.release.execute import Executor
from epc_release.release.log import LOGGER
from epc_release.release.progress import Progress
from epc_release.release.told import Told, described_as, open_told
from epc_release.release.withdraw.standing import withdrawn_from
from epc_release.schemas.table import TableSchema


def make_changes(
    settings: Settings,
    facts: ReleaseFacts,
    work: Path,
    executor: Executor,
    progress: Progress,
) -> tuple[ChangeFacts, ...]:
    """Write the lists since each earlier release; ``work / "release"`` has the new one's tables.

    None for a partial release, or where there is none before it. Raises what reading a published
    release raises.
    """
    if facts.partial:
        return ()
    here = work / "release"
    new = Side(_told(facts, here), FolderReader(here), here, work, own=True)
    made: list[ChangeFacts] = []
    for number, place in enumerate(earlier_places(settings, facts.release, facts.cutoff)):
        folder = work / "changes" / str(number)  # stays with the work: a build may be continued
        private_folder(folder)
        old = open_side(place, folder / "old")
        if old.told.partial or old.told.release == facts.release:
            LOGGER.warning("no changes since a release that is partial or this one itself")
        elif withdrawn_from(*open_told(place), settings).affected:
            LOGGER.warning("no changes since a release that holds withdrawn records")
        else:
            root = f"{CHANGES}/{old.told.release}"
            job = Comparison(old, new, folder / "tables", here / root, executor, progress)
            made += _facts(root, *compare(job), new.told)
    return tuple(made)


def _told(facts: ReleaseFacts, folder: Path) -> Told:
    """What the new release will say of its tables."""
    return Told(
        place=str(folder),
        release=facts.release,
        created=to_utc(facts.cutoff),
        register=facts.register.name,
        policy=facts.policy.name,
        partial=facts.partial,
        described=described_as(descriptor(facts)),
        raw={},
        sums={},
    )


def _facts(root: str, changes: Changes, index: FileFacts, new: Told) -> Iterator[ChangeFacts]:
    since = changes.old[0]
    yield ChangeFacts(since, "index", _below(root, index))
    for table in changes.tables:
        if table.name in new.tables:
            schema = records_schema(new.tables[table.name].schema)
            yield from _list(root, since, table.name, "records", table.records, schema)
            yield from _list(root, since, table.name, "removed", table.removed, removed_schema())


def _list(
    root: str,
    since: str,
    table: str,
    kind: str,
    files: tuple[FileFacts, ...],
    schema: TableSchema,
) -> Iterator[ChangeFacts]:
    """Both forms of a list: as many Parquet files as CSVs, in this order."""
    for number, file in enumerate(files):
        known = schema if file.path.endswith(".parquet") else None
        number %= len(files) // 2
        yield ChangeFacts(since, kind, _below(root, file), table, number, known)


def _below(root: str, file: FileFacts) -> FileFacts:
    return FileFacts(f"{root}/{file.path}", file.bytes, file.sha256, file.rows)
