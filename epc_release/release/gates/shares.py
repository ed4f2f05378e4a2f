"""Ceilings on shares of rows: rejected records by code, issues of published cells by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from epc_release.manifests.facts import TableFacts
from epc_release.release.gates.breach import Breach
from epc_release.schemas.gates import Gates

UNCONDITIONAL = ("duplicate-row",)  # a copy of a record that is published loses nothing
REJECTED = "rejected"
EVERY_COLUMN = "(whole record)"

Place = tuple[str, str]  # code, column


def share_breaches(table: TableFacts, gates: Gates) -> Iterator[Breach]:
    """Ceilings that a table exceeds; none where too few rows were read to tell."""
    ledger = table.ledger
    if ledger.read >= gates.from_rows:
        yield from _rejected(table, gates)
    if ledger.published >= gates.from_rows:
        for (code, column, severity), count in sorted(_issues(table).items()):
            share = gates.of_cells(table.name, code, severity)
            if count > share * ledger.published:
                yield Breach(table.name, code, column, count, ledger.published, _at_most(share))


def _rejected(table: TableFacts, gates: Gates) -> Iterator[Breach]:
    read, by_code = table.ledger.read, table.ledger.rejected
    counted = sum(count for code, count in by_code.items() if code not in UNCONDITIONAL)
    ceiling = gates.own(table.name, REJECTED)
    ceiling = gates.rejected if ceiling is None else ceiling
    if counted > ceiling * read:
        codes = sorted(by_code, key=lambda code: (-by_code[code], code))
        told = ", ".join(f"{code} {by_code[code]:,}" for code in codes if code not in UNCONDITIONAL)
        yield Breach(table.name, REJECTED, told, counted, read, _at_most(ceiling))
    for code, count in sorted(by_code.items()):
        share = gates.own(table.name, code)
        if share is not None and count > share * read:
            yield Breach(table.name, code, EVERY_COLUMN, count, read, _at_most(share))


def code_counts(table: TableFacts) -> dict[Place, int]:
    """Rows per code and column of a table: what a release's state remembers for "since when"."""
    found: dict[Place, int] = {}
    for (code, column, _), count in _issues(table).items():
        found[code, column] = count
    for code, count in table.ledger.rejected.items():
        found[code, EVERY_COLUMN] = count
    if any(code not in UNCONDITIONAL for code in table.ledger.rejected):
        found[REJECTED, ""] = sum(
            n for code, n in table.ledger.rejected.items() if code not in UNCONDITIONAL
        )
    return found


def _issues(table: TableFacts) -> Counter[tuple[str, str, str]]:
    """Cells by code, column and severity, over all partitions."""
    found: Counter[tuple[str, str, str]] = Counter()
    for issue in table.issues:
        found[issue.code, issue.column, issue.severity] += issue.count
    return found


def _at_most(share: float) -> str:
    return f"at most {share * 100:g}%"
