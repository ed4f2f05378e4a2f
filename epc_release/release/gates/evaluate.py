"""All gates of a build at once, and what the release manager accepted of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import TableFacts
from epc_release.manifests.layout import partition_value
from epc_release.release.conform.codes import CODES
from epc_release.release.gates.breach import Breach, breach_table
from epc_release.release.gates.previous import (
    FEWER,
    MORE,
    VANISHED,
    Baseline,
    TableRows,
    band_breaches,
)
from epc_release.release.gates.shares import REJECTED, share_breaches
from epc_release.release.records import REJECTED as REJECTED_CODES
from epc_release.schemas.register import Register

# What --accept takes: codes of records and cells, and the gates that have a name of their own.
# Disclosure gates are not among them, and never will be.
CODES_OF_GATES = tuple(
    dict.fromkeys((REJECTED, FEWER, MORE, VANISHED, *REJECTED_CODES, *(c.code for c in CODES)))
)


@dataclass(frozen=True)
class Judged:
    """How a build passed its gates: compared with which release, and what was accepted."""

    previous: str | None = None
    accepted: tuple[Breach, ...] = ()

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """What everybody may know of it: table and code of each accepted gate."""
        return tuple(sorted({(breach.table, breach.code) for breach in self.accepted}))


Since = Callable[[str, str, str], str | None]  # table, code, column -> release


def evaluate(
    register: Register, tables: Sequence[TableFacts], baseline: Baseline | None, since: Since
) -> tuple[Breach, ...]:
    """Every gate that is not passed, in the order of tables; shares before bands."""
    found: list[Breach] = []
    for table in register.tables:
        facts = next((facts for facts in tables if facts.name == table.name), None)
        if facts is not None:
            found += _dated(share_breaches(facts, register.gates), since)
        before = baseline.tables.get(table.name) if baseline is not None else None
        if before is not None:
            codelist = register.codelists.get(before.partition or "")
            successors = codelist.successors if codelist is not None else {}
            now = TableRows(0) if facts is None else rows_of(facts)
            found += band_breaches(table.name, before, now, register.gates.previous, successors)
    return tuple(found)


def rows_of(table: TableFacts) -> TableRows:
    """The published rows of a table by partition and year."""
    partitions: dict[str | None, int] = {}
    if table.partition is not None:
        partitions = {partition_value(part.path): part.rows or 0 for part in table.parts}
    return TableRows(table.ledger.published, table.partition, partitions, table.years)


def _dated(breaches: Iterable[Breach], since: Since) -> Iterator[Breach]:
    for breach in breaches:
        column = "" if breach.code == REJECTED else breach.where
        yield replace(breach, since=since(breach.table, breach.code, column))


def settle_breaches(
    breaches: Sequence[Breach], accepted: Collection[str], kept: Path | str = "quarantine"
) -> tuple[Breach, ...]:
    """The breaches that were accepted by their code. Raises E301 where others remain.

    ``kept`` is where the rejected records are then.
    """
    left = [breach for breach in breaches if breach.code not in accepted]
    if left:
        raise ReleaseError("E301", count=len(left), table=breach_table(left), kept=kept)
    return tuple(breaches)
