"""Bands against the previous release: rows per table, year and partition.

Partitions are compared through the successors of their codes. A partition that leaves its band is
compared together with its successors, and one that grew out of it with its predecessors: where the
rows only moved from ended codes to their successors, such a group has as many rows as before, so a
boundary review is no alarm. Partitions that stay in their band are never lumped together, so that a
loss elsewhere in a region is not hidden by its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from epc_release.release.gates.breach import Breach
from epc_release.schemas.gates import PreviousGates

Rows = Mapping[str | None, int]
Successors = Mapping[str, Sequence[str]]

FEWER, MORE, VANISHED = "rows-fewer", "rows-more", "vanished"
WHOLE = "(whole table)"


@dataclass(frozen=True)
class TableRows:
    """Published rows of one table; ``partition`` is its column, empty maps where there is none."""

    rows: int
    partition: str | None = None
    partitions: Rows = field(default_factory=dict)
    years: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """What the previous release says of its rows."""

    release: str
    tables: Mapping[str, TableRows]


def band_breaches(
    table: str, before: TableRows, now: TableRows, gates: PreviousGates, successors: Successors
) -> Iterator[Breach]:
    """Where a table left its bands. A year may grow as it likes: it may still be going on."""
    yield from _breach(table, WHOLE, before.rows, now.rows, gates)
    if now.rows == 0:
        return
    if before.years and now.years:
        for year in sorted(before.years):
            found = now.years.get(year, 0)
            if found < before.years[year]:
                yield from _breach(table, f"year {year}", before.years[year], found, gates)
    if before.partition is not None and before.partition == now.partition:
        for group in groups(before.partitions, now.partitions, gates, successors):
            rows_before, rows_now = _sum(before.partitions, group), _sum(now.partitions, group)
            name = " + ".join(sorted(str(code or "(missing)") for code in group))
            yield from _breach(table, f"{now.partition} {name}", rows_before, rows_now, gates)


def alarm(before: int, now: int, gates: PreviousGates) -> str | None:
    """The code of the band that is left, or None."""
    if now == 0 and before >= gates.vanished_from_rows:
        return VANISHED
    if before >= gates.from_rows and now < gates.lowest * before:
        return FEWER
    if now > gates.highest * max(before, gates.from_rows):
        return MORE
    return None


def groups(
    before: Rows, now: Rows, gates: PreviousGates, successors: Successors
) -> list[frozenset[str | None]]:
    """Partitions outside their band, each with those that it may have exchanged rows with."""
    known = {*before, *now}
    alarmed = {c for c in known if alarm(before.get(c, 0), now.get(c, 0), gates)}
    predecessors: dict[str, list[str]] = {}
    for ended, later in successors.items():
        for successor in later:
            predecessors.setdefault(successor, []).append(ended)
    found: list[set[str | None]] = []
    for code in sorted(alarmed, key=lambda code: (code is None, code or "")):
        group: set[str | None] = {code}
        if code is not None:
            group |= (_reached(code, successors) | _reached(code, predecessors)) & known
        for other in [held for held in found if held & group]:
            found.remove(other)
            group |= other
        found.append(group)
    return [frozenset(group) for group in found]


def _reached(code: str, edges: Successors) -> set[str]:
    """Everything that can be reached from a code, over codes in between too."""
    reached: set[str] = set()
    ahead = [code]
    while ahead:
        for other in edges.get(ahead.pop(), ()):
            if other not in reached:
                reached.add(other)
                ahead.append(other)
    return reached


def _sum(rows: Rows, group: frozenset[str | None]) -> int:
    return sum(rows.get(code, 0) for code in group)


def _breach(
    table: str, where: str, before: int, now: int, gates: PreviousGates
) -> Iterator[Breach]:
    code = alarm(before, now, gates)
    if code == MORE:
        limit = f"at most {int(gates.highest * max(before, gates.from_rows)):,}"
    else:
        limit = "at least 1" if code == VANISHED else f"at least {gates.lowest * before:,.0f}"
    if code is not None:
        yield Breach(table, code, where, now, before, limit)
