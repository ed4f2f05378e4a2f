"""The way of a check: files -> headers -> chunks -> keys -> report.

Memory does not depend on the number of rows: chunks are judged one by one, and what concerns all
rows (keys, copies) is settled from prints in bucket files.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.check.chunk import Checked, CheckTask, check_chunk
from epc_release.release.check.codes import code_of
from epc_release.release.check.files import Listing, list_files
from epc_release.release.check.header import header_issues
from epc_release.release.check.job import Job, plan_keys
from epc_release.release.check.prints import Printed
from epc_release.release.check.report import CheckReport, Count, FileFacts, Issue
from epc_release.release.check.resolve import Conflicts, ResolveTask, resolve
from epc_release.release.check.room import Room, chunk_bytes, room
from epc_release.release.check.tallies import Tallies
from epc_release.release.check.targets import Target, read_targets, spelled
from epc_release.release.execute import Executor, open_executor
from epc_release.release.progress import Progress
from epc_release.release.saved import save
from epc_release.release.source import csv, parquet
from epc_release.release.source.model import Chunk, Part
from epc_release.release.workspace import temporary
from epc_release.schemas.checks import Severity

PREFIX = "epc-release-check-"
SAMPLES = 10  # places told of each code and field
DEFAULT_MEMORY = 1536 << 20  # bytes


@dataclass(frozen=True)
class Request:
    """What to check: ``paths``, spelt as ``dialect`` says, against ``schema``.

    ``memory`` is in bytes and of all processes.
    """

    paths: tuple[str, ...]
    schema: Path
    dialect: Path | None = None
    encoding: str | None = None
    memory: int = DEFAULT_MEMORY
    jobs: int | None = None
    work: Path | None = None


def check(request: Request, progress: Progress) -> CheckReport:
    """Check all files; what cannot be read is in the report.

    Raises E106, E121 and E211 for the request itself, OSError where there is no room for prints.
    """
    try:
        targets = read_targets(request.schema)
    except ReleaseError as error:
        return _schema_error(request.schema.name, error)
    if request.dialect is not None:
        targets = spelled(targets, request.schema, request.dialect)
    listing = list_files(request.paths, targets, request.encoding)
    with temporary(request.work or Path(tempfile.gettempdir()), PREFIX) as work:
        return _Run(targets, listing, work, request, progress).report()


def _schema_error(name: str, error: ReleaseError) -> CheckReport:
    issue = Issue(name, None, "", "schema-error", "error")
    count = Count("", "", "schema-error", "error", 1, 1, (issue,))
    return CheckReport((), (count,), ((name, error),))


@dataclass
class _Seen:
    """What is known of a chunk that was handed out, and of what came back."""

    part: Part
    first_line: int
    bytes: int
    prints: dict[int, Printed] = field(default_factory=dict)


class _Run:
    def __init__(
        self,
        targets: Sequence[Target],
        listing: Listing,
        work: Path,
        request: Request,
        progress: Progress,
    ) -> None:
        self.targets = tuple(targets)
        self.listing = listing
        self.room: Room = room(listing.parts, request.memory, request.jobs)
        self.progress = progress
        present = list(dict.fromkeys(part.table for part in listing.parts))
        keys = plan_keys(targets, present)
        self.job = Job(
            targets=self.targets,
            prints=keys.prints,
            rules=keys.rules,
            unchecked=keys.unchecked,
            work=work,
            buckets=self.room.buckets,
            samples=SAMPLES,
            bucket_rows=self.room.bucket_rows,
        )
        self.path = save(self.job, work)
        self.tallies = Tallies(SAMPLES)
        self.rows: Counter[str] = Counter()
        self.seen: list[_Seen] = []

    def report(self) -> CheckReport:
        for part in self.listing.parts:
            self._header(part)
        executor = open_executor("local", self.room.jobs)
        try:
            self._chunks(executor)
            self._keys(executor)
        finally:
            executor.close()
        stopped = self._stopped()
        return CheckReport(
            files=self._files(dict(stopped)),
            counts=self.tallies.counts(self.targets),
            stopped=stopped,
            ignored=tuple(sorted(self.listing.ignored)),
            unchecked=self.job.unchecked,
            fallbacks=tuple((t.name, one) for t in self.targets for one in t.plan.fallbacks),
        )

    def _files(self, stopped: Collection[str]) -> tuple[FileFacts, ...]:
        """What is known of each file, those of which not even the header could be read as well."""
        found = {name: FileFacts(name, "", 0, 0, complete=False) for name in stopped}
        for part in self.listing.parts:
            rows, columns = self.rows[part.name], len(part.header)
            complete = part.name not in stopped
            found[part.name] = FileFacts(part.name, part.table, rows, columns, complete)
        return tuple(found[name] for name in sorted(found))

    def _header(self, part: Part) -> None:
        line = part.csv.top[1] if part.csv else 0  # the header of Parquet is on no line
        for code, name in header_issues(part, self.job.target(part.table)):
            self.tallies.add(part.table, part.name, code, "error", name, [line])
        if line > 1:
            blank = range(1, min(line, SAMPLES + 1))
            self.tallies.add(part.table, part.name, "blank-row", "error", "", blank, line - 1)

    def _chunks(self, executor: Executor) -> None:
        total = sum(part.bytes for part in self.listing.parts)
        with self.progress.stage("check", total, "bytes") as advance:
            for task, result in executor.run(_guarded, self._tasks()):
                task.chunk.discard()
                seen = self.seen[task.number]
                if isinstance(result, ReleaseError):
                    with self.listing.reading(seen.part.name):
                        raise result
                else:
                    self._add(seen, result)
                advance(seen.bytes)

    def _tasks(self) -> Iterator[CheckTask]:
        for part in self.listing.parts:
            if part.kind == "parquet" and len(set(part.header)) < len(part.header):
                continue  # its columns cannot be told apart, which is an error by itself
            before = 0
            with self.listing.reading(part.name):
                for chunk in self._cut(part):
                    self.seen.append(_Seen(part, chunk.first_line, chunk.consumed - before))
                    before = chunk.consumed
                    yield CheckTask(self.path, chunk, len(self.seen) - 1)

    def _cut(self, part: Part) -> Iterator[Chunk]:
        work, size = self.job.work, chunk_bytes(self.room, part)
        if part.kind == "parquet":
            return parquet.chunks(part, work=work, chunk_bytes=size, limit=None, digests=None)
        return csv.chunks(part, work=work, chunk_bytes=size, limit=None, digests=None, blank=True)

    def _add(self, seen: _Seen, result: Checked) -> None:
        seen.prints = result.prints
        part = seen.part
        self.rows[part.name] += result.rows
        for one in result.tallies:
            self.tallies.add(
                part.table, part.name, one.code, one.severity, one.field, one.lines, one.count
            )

    def _keys(self, executor: Executor) -> None:
        tasks = (self._bucket(number) for number in range(self.job.buckets))
        with self.progress.stage("keys", self.job.buckets, "buckets") as advance:
            for _, result in executor.run(resolve, tasks):
                for found in result:
                    self._conflicts(found)
                advance(1)

    def _bucket(self, bucket: int) -> ResolveTask:
        prints = {
            number: [seen.prints[number].of(bucket) for seen in self.seen if number in seen.prints]
            for number in range(len(self.job.prints))
        }
        filled = {n: tuple(one for one in found if one.rows) for n, found in prints.items()}
        return ResolveTask(self.path, filled)

    def _conflicts(self, found: Conflicts) -> None:
        rule = self.job.rules[found.rule]
        severity: Severity = "warning" if rule.code == "duplicate-row" else "error"
        lines: dict[int, list[int]] = {}
        for chunk, line in found.first:
            lines.setdefault(chunk, []).append(line + self.seen[chunk].first_line)
        for chunk, count in found.by_chunk.items():
            self.tallies.add(
                rule.table,
                self.seen[chunk].part.name,
                rule.code,
                severity,
                rule.field,
                lines.get(chunk, []),
                count,
            )

    def _stopped(self) -> tuple[tuple[str, ReleaseError], ...]:
        """The first error of each file that could not be read, added to the tallies."""
        first: dict[str, ReleaseError] = {}
        for one in sorted(self.listing.unread, key=lambda one: (one.file, _line(one.error))):
            first.setdefault(one.file, one.error)
        for file, error in first.items():
            self.tallies.add("", file, code_of(error), "error", "", [_line(error)])
        return tuple(first.items())


def _line(error: ReleaseError) -> int:
    found = error.details.get("line", 0)
    return found if isinstance(found, int) else 0


def _guarded(task: CheckTask) -> Checked | ReleaseError:
    """What a chunk holds, or why it cannot be read."""
    try:
        return check_chunk(task)
    except ReleaseError as error:
        return error
