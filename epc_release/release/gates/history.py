"""Since when a code has been there: the reports of the releases of one line, in its state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from epc_release.manifests.facts import TableFacts
from epc_release.release.gates.shares import code_counts

REPORT = "report.json"


def first_seen(state: Path, register: str, policy: str) -> Callable[[str, str, str], str | None]:
    """A function of table, code and column: the first release of the line that had it, or None.

    Releases are in the order of their cut-offs; a report of another line, or one that is older
    than this record, says nothing.
    """
    seen: dict[tuple[str, str, str], str] = {}
    reports = _reports(state, register, policy)
    for report in sorted(reports, key=lambda told: datetime.fromisoformat(told["cutoff"])):
        for table, code, column, _ in report["codes"]:
            seen.setdefault((table, code, column), str(report["release"]))
    return lambda table, code, column: seen.get((table, code, column))


def remembered(tables: Iterable[TableFacts]) -> list[list[Any]]:
    """What a report keeps of a release: [table, code, column, rows], sorted."""
    return [
        [table.name, code, column, count]
        for table in tables
        for (code, column), count in sorted(code_counts(table).items())
        if count
    ]


def _reports(state: Path, register: str, policy: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted(state.glob(f"*/{REPORT}")):
        report = json.loads(path.read_text(encoding="utf-8"))
        line = (report.get("register"), report.get("policy"))
        if line == (register, policy) and "codes" in report:
            found.append(report)
    return found
