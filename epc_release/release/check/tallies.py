"""Tallies of many chunks and files, added up; of places only the first few are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from epc_release.release.check.report import Count, Issue
from epc_release.release.check.targets import Target
from epc_release.schemas.checks import Severity

_ROWS = ("blank-row", "missing-value", "extra-value", "duplicate-row")
_HEADER = (
    *("blank-header", "duplicate-header", "extra-field", "missing-field"),
    *("field-order", "no-shared-field"),
)


@dataclass
class _Sum:
    count: int = 0
    files: set[str] = field(default_factory=set)
    places: list[tuple[str, int]] = field(default_factory=list)  # line 0: the file as a whole


@dataclass
class Tallies:
    """What was found so far: by table, code, severity and field."""

    samples: int
    sums: dict[tuple[str, str, Severity, str], _Sum] = field(default_factory=dict)

    def add(
        self,
        table: str,
        file: str,
        code: str,
        severity: Severity,
        name: str,
        lines: Sequence[int],
        count: int | None = None,
    ) -> None:
        """Add ``count`` rows of one file, the first on ``lines``; default: as many as these."""
        found = self.sums.setdefault((table, code, severity, name), _Sum())
        found.count += len(lines) if count is None else count
        found.files.add(file)
        found.places += [(file, line) for line in lines]
        if len(found.places) > 4 * self.samples:
            found.places = sorted(found.places)[: self.samples]

    def counts(self, targets: Sequence[Target]) -> tuple[Count, ...]:
        """In order: tables, header, rows, fields of the schema."""
        orders = {target.name: _order(target) for target in targets}
        tables = {"": -1, **{target.name: i for i, target in enumerate(targets)}}
        keys = sorted(
            self.sums,
            key=lambda key: (
                tables.get(key[0], -1),
                (key[1] not in _HEADER) + (key[1] not in _HEADER + _ROWS),
                orders.get(key[0], {}).get(key[3], -1),
                key[3],
                key[1],
            ),
        )
        return tuple(self._count(*key) for key in keys)

    def _count(self, table: str, code: str, severity: Severity, name: str) -> Count:
        found = self.sums[table, code, severity, name]
        places = sorted(found.places)[: self.samples]
        issues = tuple(Issue(file, line or None, name, code, severity) for file, line in places)
        return Count(table, name, code, severity, found.count, len(found.files), issues)


def _order(target: Target) -> Mapping[str, int]:
    return {name: i for i, name in enumerate(target.schema.names)}
