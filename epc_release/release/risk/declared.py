"""The key sets that a release declares in ``disclosure.json``, measured on its files by anybody.

Where the policy counts units that are not published, rows are counted here: no class has fewer rows
than units, so what is found can only look safer than what the publisher measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import DISCLOSURE
from epc_release.release.progress import Progress
from epc_release.release.risk.report import RiskReport
from epc_release.release.risk.request import Request
from epc_release.release.risk.run import measure


@dataclass(frozen=True)
class Declared:
    """One key set: of which ``table``, its ``id``, whether the publisher counted ``units``."""

    table: str
    id: str
    why: str
    units: bool
    report: RiskReport


@dataclass(frozen=True)
class DeclaredReport:
    """All key sets that were measured, in the order of the release."""

    key_sets: tuple[Declared, ...]

    def as_dict(self) -> dict[str, Any]:
        """The measures of each, as of a single measuring."""
        return {
            "key_sets": [
                {"table": each.table, "id": each.id, **each.report.as_dict()}
                for each in self.key_sets
            ]
        }

    def __str__(self) -> str:
        return "\n\n".join(self._parts())

    def _parts(self) -> Iterator[str]:
        for each in self.key_sets:
            units = " The publisher counted units that are not published." if each.units else ""
            yield f"{each.table}, {each.id}: {each.why}{units}\n{each.report}"


def measure_declared(request: Request, progress: Progress) -> DeclaredReport:
    """Measure what the release at the one path of ``request`` declares, of one table or of all.

    Raises E276 where it is no release or declares no key set, and what ``measure`` raises.
    """
    if len(request.paths) != 1:
        problem = "without --keys or --all-columns there must be one, a release"
        raise ReleaseError("E276", path=", ".join(request.paths), problem=problem)
    found = []
    for table, told in _told(Path(request.paths[0]), request.table):
        one = _asked(request, table, told)
        units = told["counted"] == "units"
        found.append(Declared(table, told["id"], told["why"], units, measure(one, progress)))
    if not found:
        of = f" for table {request.table}" if request.table else ""
        raise ReleaseError("E276", path=request.paths[0], problem=f"it declares no key set{of}")
    return DeclaredReport(tuple(found))


def _told(release: Path, table: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and key set, as the release tells them."""
    try:
        document = json.loads((release / DISCLOSURE).read_text(encoding="utf-8"))
        for name, each in document["tables"].items():
            if table in (None, name):
                yield from ((name, told) for told in each.get("keySets", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"it has no {DISCLOSURE} that can be read; give --keys or --all-columns"
        raise ReleaseError("E276", path=release, problem=problem) from error


def _asked(request: Request, table: str, told: dict[str, Any]) -> Request:
    """The measuring of one key set, with its limits as thresholds."""
    limits = told["asked"].get("sensitive", {})
    return replace(
        request,
        table=table,
        keys=tuple(told["keys"]),
        sensitive=tuple(limits),
        ordered=tuple(name for name, limit in limits.items() if limit.get("ordered")),
        k=told["asked"]["k"],
    )
