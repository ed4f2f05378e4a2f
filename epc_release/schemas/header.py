"""Recognition of a header: which table of a register this is, in which dialect.

Names are compared without byte order mark, outer blanks and case; apart from that they must be
spellings that a dialect knows. Order does not matter. A header is recognised as a whole or refused:
what is unknown is never dropped silently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from epc_release.errors import ReleaseError
from epc_release.schemas.dialect import folded
from epc_release.schemas.register import HeaderMatch, Register, TableDialect

HINT_PARTS = 3  # file, its folder, and the archive around it
NAMED_AT_MOST = 8


def match_header(
    header: Sequence[str],
    register: Register,
    *,
    file: str,
    table: str | None = None,
    name_hint: str | None = None,
) -> HeaderMatch:
    """The table and dialect of a header (a file's column names as they stand).

    ``table`` forces the table; where several tables have the same columns, the names of the file,
    of its folder and ``name_hint`` (a member's path inside an archive) decide by the tables' hints.
    Of several dialects of one table the one that claims least (fewest rules ``screened_upstream``)
    is taken, then the one whose usual spellings these are.

    Raises ReleaseError, naming file and columns: E122 (a column twice), E123 (unknown columns),
    E124 (missing columns), E125 (nothing alike), E126 (several tables), E127 (no such table),
    E129 (a column without a name). The names of a header that is like none of the register's are
    never told: they may be a first record.
    """
    names = [folded(name) for name in header]
    fits = [_Fit.of(dialect, names) for dialect in _candidates(register, table, file)]
    nearest = min(fits, key=lambda fit: fit.distance)
    if not nearest.alike:
        raise ReleaseError("E125", file=file, columns=len(header), register=register.name)
    if "" in names:
        raise ReleaseError("E129", file=file, position=names.index("") + 1)
    _refuse_repeated(header, names, file, nearest)
    fitting = [fit for fit in fits if fit.exact]
    if not fitting:
        raise _misfit(header, names, nearest, file)
    chosen = _one_table(fitting, register, file, name_hint)
    best = min(chosen, key=lambda fit: fit.preference(header))
    return HeaderMatch(best.dialect, tuple(best.columns[name] for name in names))


@dataclass(frozen=True)
class _Fit:
    """How a header fits a dialect; all names folded."""

    dialect: TableDialect
    columns: dict[str, str | None]  # known spellings of the header -> our names
    unknown: tuple[str, ...]
    missing: tuple[str, ...]  # our names
    doubled: tuple[str, ...]  # our names that several spellings of the header stand for
    width: int

    @classmethod
    def of(cls, dialect: TableDialect, names: Sequence[str]) -> _Fit:
        spellings: dict[str, str | None] = {folded(s): None for s in dialect.input_only}
        spellings.update({folded(s): name for s, name in dialect.columns.items()})
        present = dict.fromkeys(names)
        columns = {name: spellings[name] for name in present if name in spellings}
        ours = [name for name in columns.values() if name is not None]
        needed = dict.fromkeys(dialect.columns.values())
        return cls(
            dialect=dialect,
            columns=columns,
            unknown=tuple(name for name in present if name not in spellings),
            missing=tuple(n for n in needed if n not in ours and n not in dialect.optional),
            doubled=tuple(name for name in dict.fromkeys(ours) if ours.count(name) > 1),
            width=len(present),
        )

    @property
    def exact(self) -> bool:
        return not (self.unknown or self.missing or self.doubled)

    @property
    def alike(self) -> bool:
        """At least half of the header's names are known, or half of those that must be there."""
        ours = {name for name in self.columns.values() if name is not None}
        needed = set(self.dialect.columns.values()) - self.dialect.optional
        return 2 * len(self.columns) >= max(self.width, 1) or 2 * len(ours & needed) >= len(needed)

    @property
    def distance(self) -> tuple[int, int, str, str]:
        wrong = len(self.unknown) + len(self.missing)
        return wrong - len(self.columns), wrong, self.dialect.table, self.dialect.dialect

    def preference(self, header: Sequence[str]) -> tuple[int, int, str]:
        unusual = sum(name.strip("\ufeff ") not in self.dialect.header for name in header)
        return len(self.dialect.screened_upstream), unusual, self.dialect.dialect


def _candidates(register: Register, table: str | None, file: str) -> list[TableDialect]:
    found = [dialect for dialect in register.dialects if table in (None, dialect.table)]
    if not found:
        known = ", ".join(known.name for known in register.tables)
        raise ReleaseError("E127", file=file, table=table, register=register.name, known=known)
    return found


def _refuse_repeated(header: Sequence[str], names: Sequence[str], file: str, nearest: _Fit) -> None:
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    twins = [n for n in names if nearest.columns.get(n) in nearest.doubled] if not repeated else []
    if repeated or twins:
        wrong = _listed([_as_written(name, header, names) for name in repeated or twins])
        how = "stand there more than once" if repeated else "are spellings of the same column"
        raise ReleaseError("E122", file=file, columns=wrong, how=how)


def _misfit(header: Sequence[str], names: Sequence[str], nearest: _Fit, file: str) -> ReleaseError:
    dialect = nearest.dialect
    usual = {name: spelling for spelling, name in [*dialect.columns.items()][::-1]}
    missing = [usual[name] for name in nearest.missing]
    details = {"file": file, "table": dialect.table, "dialect": dialect.dialect}
    if not nearest.unknown:
        return ReleaseError("E124", missing=_listed(missing), **details)
    likely = {folded(spelling): spelling for spelling in (missing or dialect.columns)}
    unknown = []
    for name in nearest.unknown:
        close = get_close_matches(name, likely, n=1, cutoff=0.8)
        hint = f" (perhaps {likely[close[0]]})" if close else ""
        unknown.append(_as_written(name, header, names) + hint)
    also = f"; missing: {_listed(missing)}" if missing else ""
    return ReleaseError("E123", unknown=_listed(unknown), also=also, **details)


def _one_table(
    fitting: Sequence[_Fit], register: Register, file: str, name_hint: str | None
) -> list[_Fit]:
    """The fits of the one table that the header, or else the file's names, tell."""
    tables = {fit.dialect.table for fit in fitting}
    if len(tables) > 1:
        hints = {table: register.table(table).hints for table in tables}
        parts = [part for part in re.split(r"[\\/:!]", f"{file}/{name_hint or ''}".lower()) if part]
        for part in parts[: -HINT_PARTS - 1 : -1]:
            told = {t for t in tables if any(fnmatchcase(part, hint) for hint in hints[t])}
            if len(told) == 1:
                tables = told
                break
        else:
            raise ReleaseError(
                "E126", file=file, tables=" and ".join(sorted(tables)), example=min(tables)
            )
    return [fit for fit in fitting if fit.dialect.table in tables]


def _as_written(name: str, header: Sequence[str], names: Sequence[str]) -> str:
    """A column's name as the file has it, fit to be shown."""
    written = header[names.index(name)].strip("\ufeff \t\r\n\u00a0")
    shown = "".join(letter if letter.isprintable() else "?" for letter in written)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    shown = ", ".join(names[:NAMED_AT_MOST])
    return f"{shown} and {more} more" if more > 0 else shown
