"""A gate that was not passed: what, where, how many, against which limit, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Breach:
    """One gate of one table that was not passed.

    ``code`` is what ``--accept`` takes. ``where`` is a column, partition or year, never a value of
    a protected column; ``count`` and ``of`` are rows, ``limit`` is the number of rows that was
    allowed at most (or, for rows that are missing, needed at least). ``since`` is the first release
    of the line that had the code there; None: this one.
    """

    table: str
    code: str
    where: str
    count: int
    of: int
    limit: str
    since: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The breach as JSON holds it."""
        return {
            "table": self.table,
            "code": self.code,
            "where": self.where,
            "count": self.count,
            "of": self.of,
            "limit": self.limit,
            "since": self.since,
        }


HEAD = ("code", "table", "where", "rows", "of", "allowed", "since")


def breach_table(breaches: Iterable[Breach]) -> str:
    """A table for people, one line per breach."""
    rows = [
        (b.code, b.table, b.where, f"{b.count:,}", f"{b.of:,}", b.limit, b.since or "this release")
        for b in breaches
    ]
    widths = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEAD, *rows)
    )
