"""Which table of a register a header is nearest to, in which dialect."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from epc_release.release.dialect.mapping import by_spelling
from epc_release.release.dialect.model import Alike
from epc_release.release.dialect.vocabulary import vocabulary
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.register import Register, Table, TableDialect


def alike(header: Sequence[str], register: Register, name: str, table: str | None) -> list[Alike]:
    """How near the header is to each table (or to ``table`` alone), the nearest first.

    The score is Dice's: twice the columns that are known, by those of the header and those that
    such files must have. Of equals the table counts first that the file's ``name`` hints at.
    """
    tables = [found for found in register.tables if table in (None, found.name)]
    ranked = [_alike(header, register, found) for found in tables if _headed(register, found)]
    hinted = {found.name for found in tables if _hinted(found, name)}
    return sorted(ranked, key=lambda a: (-a.score, a.dialect.table not in hinted))


def _headed(register: Register, table: Table) -> bool:
    return any(d.table == table.name and d.headed for d in register.dialects)


def _hinted(table: Table, name: str) -> bool:
    parts = name.lower().replace("!", "/").split("/")
    return any(fnmatchcase(part, hint) for part in parts for hint in table.hints)


def _alike(header: Sequence[str], register: Register, table: Table) -> Alike:
    dialect = _dialect(header, register, table)
    columns = by_spelling(header, vocabulary(register, table, dialect), dialect)
    known = [column for column in columns if column.decided]
    ours = {column.name for column in known}
    needed = [name for name in dict.fromkeys(dialect.columns.values()) if _must(dialect, name)]
    of_theirs = sum(name in ours for name in needed)
    total = len(header) + len(needed)
    return Alike(
        dialect=dialect,
        score=(len(known) + of_theirs) / total if total else 0.0,
        known=len(known),
        missing=tuple(name for name in needed if name not in ours),
        columns=columns,
    )


def _must(dialect: TableDialect, name: str) -> bool:
    return name not in dialect.optional


def _dialect(header: Sequence[str], register: Register, table: Table) -> TableDialect:
    """The headed dialect of ``table`` that has most of the header's spellings and lacks fewest."""

    def distance(dialect: TableDialect) -> tuple[int, int, str]:
        fold = FOLDS[dialect.fold]
        names = {fold(spelling) for spelling in header}
        known = {fold(spelling) for spelling in (*dialect.columns, *dialect.input_only)}
        ours = {name for spelling, name in dialect.columns.items() if fold(spelling) in names}
        needed = {n for n in dialect.columns.values() if _must(dialect, n)}
        wrong = len(names - known) + len(needed - ours)
        return wrong - len(names & known), len(dialect.screened_upstream), dialect.dialect

    own = [d for d in register.dialects if d.table == table.name and d.headed]
    return min(own, key=distance)
