"""Recognition of a header: which table of a register this is, in which dialect.

Names are compared without byte order mark, outer blanks and case (a dialect may say: by letters
and digits alone); apart from that they must be spellings that a dialect knows. Order does not
matter. A header is recognised as a whole or refused: what is unknown is never dropped silently. A
file without a header is recognised by its number of columns and the looks of its first record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import repeat

from epc_release.errors import ReleaseError
from epc_release.schemas.fold import FOLDS
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
    is taken, then the one whose usual spellings these are; a user's dialect counts before those of
    the register.

    Raises ReleaseError, naming file and columns: E122 (a column twice), E123 (unknown columns),
    E124 (missing columns), E125 (nothing alike), E126 (several tables), E127 (no such table),
    E129 (a column without a name). The names of a header that is like none of the register's are
    never told: they may be a first record.
    """
    candidates = _candidates(register, table, file)
    fits = [_Fit.of(dialect, header) for dialect in candidates if dialect.headed]
    nearest = min(fits, key=lambda fit: fit.distance, default=None)
    if nearest is None or not nearest.alike:
        fitting = [fit for fit in map(_headless, candidates, repeat(header)) if fit]
        if not fitting:
            raise ReleaseError("E125", file=file, columns=len(header), register=register.name)
    else:
        _refuse_nameless(nearest, file)
        _refuse_repeated(header, file, nearest)
        fitting = [fit for fit in fits if fit.exact]
        if not fitting:
            raise _misfit(header, nearest, file)
    fitting = [fit for fit in fitting if fit.dialect.given] or fitting
    chosen = _one_table(fitting, register, file, name_hint)
    best = min(chosen, key=lambda fit: fit.preference(header))
    return HeaderMatch(best.dialect, tuple(best.columns[name] for name in best.names))


@dataclass(frozen=True)
class _Fit:
    """How a header fits a dialect; ``names`` are the header's, folded as the dialect says."""

    dialect: TableDialect
    names: tuple[str, ...]
    columns: dict[str, str | None]  # known spellings of the header -> our names
    unknown: tuple[str, ...]
    missing: tuple[str, ...]  # our names
    doubled: tuple[str, ...]  # our names that several spellings of the header stand for
    width: int

    @classmethod
    def of(cls, dialect: TableDialect, header: Sequence[str]) -> _Fit:
        fold = FOLDS[dialect.fold]
        names = tuple(fold(name) for name in header)
        spellings: dict[str, str | None] = {fold(s): None for s in dialect.input_only}
        spellings.update({fold(s): name for s, name in dialect.columns.items()})
        if dialect.unnamed:
            spellings[""] = None
        present = dict.fromkeys(names)
        columns = {name: spellings[name] for name in present if name in spellings}
        ours = [name for name in columns.values() if name is not None]
        needed = dict.fromkeys(dialect.columns.values())
        return cls(
            dialect=dialect,
            names=names,
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


def _headless(dialect: TableDialect, record: Sequence[str]) -> _Fit | None:
    """The fit of a file whose first line is a record, by place; None where it looks otherwise."""
    if dialect.headed or len(record) != len(dialect.header) or not dialect.shapes:
        return None
    ours = tuple(dialect.columns.get(spelling) for spelling in dialect.header)
    for name, pattern in dialect.shapes.items():
        if not re.search(pattern, record[ours.index(name)].strip("\ufeff ")):
            return None
    names = tuple(str(place) for place in range(len(record)))
    columns = dict(zip(names, ours, strict=True))
    return _Fit(dialect, names, columns, unknown=(), missing=(), doubled=(), width=len(record))


def _candidates(register: Register, table: str | None, file: str) -> list[TableDialect]:
    found = [dialect for dialect in register.dialects if table in (None, dialect.table)]
    if not found:
        known = ", ".join(known.name for known in register.tables)
        raise ReleaseError("E127", file=file, table=table, register=register.name, known=known)
    return found


def _refuse_nameless(nearest: _Fit, file: str) -> None:
    if "" in nearest.names and not nearest.dialect.unnamed:
        raise ReleaseError("E129", file=file, position=nearest.names.index("") + 1)


def _refuse_repeated(header: Sequence[str], file: str, nearest: _Fit) -> None:
    names = nearest.names
    repeated = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    twins = [n for n in names if nearest.columns.get(n) in nearest.doubled] if not repeated else []
    if repeated or twins:
        wrong = _listed([_as_written(name, header, names) for name in repeated or twins])
        how = "stand there more than once" if repeated else "are spellings of the same column"
        raise ReleaseError("E122", file=file, columns=wrong, how=how)


def _misfit(header: Sequence[str], nearest: _Fit, file: str) -> ReleaseError:
    names, dialect = nearest.names, nearest.dialect
    usual = {name: spelling for spelling, name in [*dialect.columns.items()][::-1]}
    missing = [usual[name] for name in nearest.missing]
    details = {"file": file, "table": dialect.table, "dialect": dialect.dialect}
    if not nearest.unknown:
        return ReleaseError("E124", missing=_listed(missing), **details)
    fold = FOLDS[dialect.fold]
    likely = {fold(spelling): spelling for spelling in (missing or dialect.columns)}
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
