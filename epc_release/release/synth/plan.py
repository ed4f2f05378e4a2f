"""How many certificates each table gets, and in which chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from epc_release.errors import ReleaseError
from epc_release.release.synth.spec import SynthSpec
from epc_release.schemas.register import Register, TableDialect

CHUNK = 40_000
"""Certificates that are made together; part of what decides the values."""

_LEAST = 60  # rows of a small table, where there are enough to share


def chosen_tables(register: Register, tables: Sequence[str] | None) -> tuple[str, ...]:
    """The tables to make, in the register's order. Raises E183 for one that is unknown."""
    known = [table.name for table in register.tables]
    for name in tables or ():
        if name not in known:
            raise ReleaseError("E183", kind="table", name=name, known=", ".join(known))
    return tuple(name for name in known if tables is None or name in tables)


def dialects_of(register: Register, name: str) -> dict[str, TableDialect]:
    """The dialect by table. Raises E183 where the register has none of this name."""
    found = {d.table: d for d in register.dialects if d.dialect == name}
    if not found:
        known = sorted({d.dialect for d in register.dialects})
        raise ReleaseError("E183", kind="dialect", name=name, known=", ".join(known))
    return found


def split_rows(
    register: Register, spec: SynthSpec, tables: Sequence[str], rows: int
) -> dict[str, int]:
    """Certificates for each table without a parent that the tables need; the sum is ``rows``."""
    if rows < 1:
        raise ReleaseError("E182", rows=rows)
    wanted = [register.table(name).parent or name for name in tables]
    parents = [table.name for table in register.tables if table.name in wanted]
    shares = {name: spec.tables[name].share for name in parents}
    total, least = sum(shares.values()), min(_LEAST, rows // (2 * len(parents)))
    split = {name: max(least, int(rows * shares[name] / total)) for name in parents}
    largest = max(parents, key=lambda name: shares[name])
    split[largest] += rows - sum(split.values())
    return split


def chunks(rows: int) -> Iterator[tuple[int, int]]:
    """(first, size) of each chunk."""
    for first in range(0, rows, CHUNK):
        yield first, min(CHUNK, rows - first)


def header_of(dialect: TableDialect, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(spelling, our name) of each column of a file; an input-only column by its lower case."""
    if dialect.header:
        return tuple((s, dialect.columns.get(s, s.lower())) for s in dialect.header)
    spellings: dict[str, str] = {}
    for spelling, name in dialect.columns.items():
        spellings.setdefault(name, spelling)
    return tuple((spellings[name], name) for name in names if name in spellings)
