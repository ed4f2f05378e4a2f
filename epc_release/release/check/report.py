"""What a check found, for whoever provides the data; text and JSON come from this one object.

No value of the data stands in it. Names of columns do, except those of a header that may be a first
record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release.check.codes import codes
from epc_release.schemas.checks import Fallback, Severity

_FILES_SHOWN = 3
_NOTES_SHOWN = 10
_COUNTS_SHOWN = 100


@dataclass(frozen=True)
class Issue:
    """One place: ``line`` is physical (Parquet: a row), from 1, None for a file as a whole.

    ``field`` is empty where a row or the whole file is meant.
    """

    file: str
    line: int | None
    field: str
    code: str
    severity: Severity


@dataclass(frozen=True)
class Count:
    """One code of one field of one table over all files, and the first few places."""

    table: str
    field: str
    code: str
    severity: Severity
    count: int
    files: int
    samples: tuple[Issue, ...]


@dataclass(frozen=True)
class FileFacts:
    """A file: ``complete`` is False where it could not be read to its end, or not at all."""

    file: str
    table: str
    rows: int
    columns: int
    complete: bool


@dataclass(frozen=True)
class CheckReport:
    """``counts`` are in order of table, header, rows, then fields as in the schema.

    ``stopped`` are the errors for which files (or the schema) could not be read.
    """

    files: tuple[FileFacts, ...]
    counts: tuple[Count, ...]
    stopped: tuple[tuple[str, ReleaseError], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    unchecked: tuple[str, ...] = ()
    fallbacks: tuple[tuple[str, Fallback], ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def total(self, severity: Severity) -> int:
        """Issues of a severity, all places counted."""
        return sum(count.count for count in self.counts if count.severity == severity)

    def check(self) -> None:
        """Raises what stopped the reading of a file, or E260 where there are errors."""
        if self.stopped:
            raise self.stopped[0][1]
        if self.total("error"):
            raise ReleaseError("E260", errors=f"{self.total('error'):,}")

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "valid": not self.stopped and not self.total("error"),
            "rows": self.rows,
            "errors": self.total("error"),
            "warnings": self.total("warning"),
            "files": [vars(file) for file in self.files],
            "counts": [_count(count) for count in self.counts],
            "issues": [vars(issue) for count in self.counts for issue in count.samples],
            "stopped": [
                {"file": file, "code": error.problem.code, "problem": str(error)}
                for file, error in self.stopped
            ],
            "ignored": [{"file": file, "reason": why} for file, why in self.ignored],
            "unchecked": list(self.unchecked),
            "fallbacks": [{"table": table, **vars(one)} for table, one in self.fallbacks],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        errors, warnings = self.total("error"), self.total("warning")
        verdict = f"{_many(errors, 'error')}, {_many(warnings, 'warning')}"
        issues = verdict if errors or warnings else "no issues"
        yield f"{_many(len(self.files), 'file')}, {_many(self.rows, 'row')}: {issues}"
        yield from _notes("Not read to the end", [str(error) for _, error in self.stopped])
        for severity, heading in (("error", "Errors"), ("warning", "Warnings")):
            counts = [count for count in self.counts if count.severity == severity]
            if counts:
                yield f"\n{heading}"
            for count in counts[:_COUNTS_SHOWN]:
                yield from _paragraph(count)
            if len(counts) > _COUNTS_SHOWN:
                yield f"  and {len(counts) - _COUNTS_SHOWN:,} more kinds; --json tells them all"
        yield from _notes("Left out", [f"{file}: {why}" for file, why in self.ignored])
        yield from _notes("Not checked", list(self.unchecked))
        slow = [_slow(table, one) for table, one in self.fallbacks]
        yield from _notes("Checked one distinct value at a time, which is slower", slow)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _notes(heading: str, notes: Sequence[str]) -> Iterator[str]:
    """A list under its heading, the first few of them; nothing where there is none."""
    if notes:
        yield f"\n{heading}"
        yield from (f"  {note}" for note in notes[:_NOTES_SHOWN])
        if len(notes) > _NOTES_SHOWN:
            yield f"  and {len(notes) - _NOTES_SHOWN:,} more"


def _slow(table: str, one: Fallback) -> str:
    where = ": ".join(part for part in (table, one.field) if part)
    return f"{where}: {one.what}, by {one.engine.capitalize()} ({one.reason})"


def _count(count: Count) -> dict[str, Any]:
    about = codes()[count.code]
    found = {name: value for name, value in vars(count).items() if name != "samples"}
    return {**found, "error": about.error, "says": about.says, "mend": about.mend}


def _paragraph(count: Count) -> Iterator[str]:
    about = codes()[count.code]
    name = about.error if about.error not in ("", count.code) else ""
    where = ": ".join(part for part in (count.table, count.field) if part)
    times = "once" if count.count == 1 else f"{count.count:,} times"
    title = f"{where}  {count.code}" if where else count.code
    yield f"  {title}{f' ({name})' if name else ''}, {times}"
    yield f"    {about.says}"
    yield from (f"    {place}" for place in _places(count))
    yield f"    Mend: {about.mend}"


def _places(count: Count) -> Iterator[str]:
    """Files with their first lines."""
    lines: dict[str, list[str]] = {}
    for issue in count.samples:
        lines.setdefault(issue.file, []).extend([] if issue.line is None else [str(issue.line)])
    shown = list(lines.items())[:_FILES_SHOWN]
    for file, numbers in shown:
        if not numbers:
            yield file
            continue
        more = " ..." if count.count > len(count.samples) else ""
        yield f"{file}, line{'s' * (len(numbers) > 1)} {', '.join(numbers)}{more}"
    if count.files > len(shown):
        yield f"and {_many(count.files - len(shown), 'more file')}"
