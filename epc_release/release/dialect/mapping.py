"""Which of our columns each column of a header is: by spelling first, then by what the values say.

Each of our columns is given once. A guess is taken only where it is much better than any other and
the values do not speak against it; every other one is left for a person to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from epc_release.release.dialect import content
from epc_release.release.dialect.model import Candidate, Column, Found
from epc_release.release.dialect.spelling import likeness
from epc_release.release.dialect.vocabulary import Known, Vocabulary
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.register import Table, TableDialect

CLOSE: Final = 0.85  # spellings as alike as this are taken,
MARGIN: Final = 0.05  # if no other is nearly as alike,
AGAINST: Final = 0.5  # and at least this share of the sample values fits
PERHAPS: Final = 0.6  # alike enough to be named to a person
FITTING: Final = 0.95  # share of values that names a column of other spelling
NUMBERS_NEED: Final = 0.4  # likeness, as very many columns hold numbers
AT_MOST: Final = 3  # candidates that are named
_SURE: Final = ("exact", "alias", "loose")


def by_spelling(
    header: Sequence[str], words: Vocabulary, dialect: TableDialect
) -> tuple[Column, ...]:
    """The columns of a header as their spellings tell, before any value is looked at."""
    fold = FOLDS[dialect.fold]
    folds = Counter(fold(spelling) for spelling in header)
    columns = [
        _known(position, spelling, folds[fold(spelling)] > 1, words.known(spelling))
        for position, spelling in enumerate(header, 1)
    ]
    columns = _once_each(columns)
    taken = {column.name for column in columns if column.decided}
    free = [name for name in words.of if name not in taken]
    open_ones = [column for column in columns if column.way == "unknown"]
    likely = _likeliest(_likenesses(open_ones, free, words))
    return tuple(likely.get(column.position, column) for column in columns)


def _known(position: int, spelling: str, repeated: bool, known: Known | None) -> Column:
    shown = spelling.strip("\ufeff \t\r\n\u00a0")
    if not shown:
        return Column(position, "", "unnamed", decided=False)
    if repeated:
        return Column(position, shown, "repeated", decided=False)
    if known is None:
        return Column(position, shown, "unknown", decided=False)
    return Column(position, shown, known.way, decided=True, name=known.name, likeness=1.0)


def _once_each(columns: Sequence[Column]) -> list[Column]:
    """Where several columns are spellings of one of ours, the surest has it, or none."""
    claims: dict[str, list[Column]] = {}
    for column in columns:
        if column.name is not None:
            claims.setdefault(column.name, []).append(column)
    found = list(columns)
    for name, several in claims.items():
        best = min(_SURE.index(column.way) for column in several)
        surest = [column for column in several if _SURE.index(column.way) == best]
        for column in several:
            if len(surest) > 1 or column is not surest[0]:
                candidate = Candidate(name, 1.0, None)
                found[column.position - 1] = replace(
                    column, decided=False, name=None, candidates=(candidate,)
                )
    return found


@dataclass(frozen=True)
class _Likeness:
    column: Column
    name: str
    score: float


def _likenesses(
    columns: Sequence[Column], names: Sequence[str], words: Vocabulary
) -> list[_Likeness]:
    found = [
        _Likeness(column, name, max(likeness(column.spelling, other) for other in words.of[name]))
        for column in columns
        for name in names
    ]
    found = [each for each in found if each.score >= NUMBERS_NEED]
    return sorted(found, key=lambda each: (-each.score, each.column.position, each.name))


def _likeliest(found: Sequence[_Likeness]) -> dict[int, Column]:
    """By position: the column with what it is likely to be, or what it may be."""
    result: dict[int, Column] = {}
    taken: dict[str, int] = {}
    for each in found:
        position = each.column.position
        if position in result or each.name in taken or each.score < CLOSE:
            continue
        rivals = [
            other.score
            for other in found
            if (other.column.position == position) != (other.name == each.name)
            and other.column.position not in result
            and other.name not in taken
        ]
        if max(rivals, default=0.0) <= each.score - MARGIN:
            result[position] = replace(
                each.column, way="close", decided=True, name=each.name, likeness=each.score
            )
            taken[each.name] = position
    for each in found:
        column = result.get(each.column.position, each.column)
        if not column.decided and each.name not in taken:
            candidates = (*column.candidates, Candidate(each.name, each.score, None))
            result[column.position] = replace(column, candidates=candidates)
    return result


def by_content(
    columns: Sequence[Column], found: Found, table: Table, dialect: TableDialect
) -> tuple[Column, ...]:
    """The same with the share of sample values that fit, and candidates that the values name."""
    samples = {
        column.position: content.distinct([r[column.position - 1] for r in found.records])
        for column in columns
    }
    shares = _Shares(samples, table, dialect)
    columns = [_confirmed(column, shares) for column in columns]
    taken = {column.name for column in columns if column.decided}
    free = [name for name in table.schema.names if name not in taken]
    return tuple(
        column if column.decided else _candidates(column, free, shares) for column in columns
    )


class _Shares:
    """Shares of fitting values, worked out once for fields that allow the same."""

    def __init__(
        self, samples: Mapping[int, content.Values], table: Table, dialect: TableDialect
    ) -> None:
        self._samples, self._table, self._dialect = samples, table, dialect
        self._found: dict[tuple[int, str], float | None] = {}

    def of(self, position: int, name: str) -> float | None:
        field = self._table.schema.by_name[name]
        rule = content.rule(self._table, field, self._dialect)
        if (position, rule) not in self._found:
            values = self._samples[position]
            self._found[position, rule] = content.share(self._table, field, self._dialect, values)
        return self._found[position, rule]

    def closed(self, name: str) -> bool:
        return content.is_closed(self._table.schema.by_name[name])


def _confirmed(column: Column, shares: _Shares) -> Column:
    """A close spelling whose values speak against it is left to a person."""
    if column.name is None:
        return column
    fits = shares.of(column.position, column.name)
    if column.way != "close" or fits is None or fits >= AGAINST:
        return replace(column, fits=fits)
    candidate = Candidate(column.name, column.likeness, fits)
    return replace(
        column, way="unknown", decided=False, name=None, likeness=0.0, candidates=(candidate,)
    )


def _candidates(column: Column, free: Sequence[str], shares: _Shares) -> Column:
    """What an undecided column may be, by spelling and by values, the likeliest first."""
    if column.way not in ("unknown", *_SURE):
        return column
    alike = {candidate.name: candidate.likeness for candidate in column.candidates}
    names = [*alike, *(name for name in free if name not in alike)]
    found = [Candidate(n, alike.get(n, 0.0), shares.of(column.position, n)) for n in names]
    kept = sorted((c for c in found if _likely(c, shares.closed(c.name))), key=_order)
    by_values = kept and kept[0].likeness < PERHAPS and column.way == "unknown"
    return replace(
        column, way="content" if by_values else column.way, candidates=tuple(kept[:AT_MOST])
    )


def _likely(candidate: Candidate, closed: bool) -> bool:
    if candidate.likeness >= PERHAPS:
        return True
    fits = candidate.fits is not None and candidate.fits >= FITTING
    return fits and (closed or candidate.likeness >= NUMBERS_NEED)


def _order(candidate: Candidate) -> tuple[float, str]:
    """Spelling and values together; a value that fits anything adds nothing."""
    fits = AGAINST if candidate.fits is None else candidate.fits
    return -(candidate.likeness + fits), candidate.name
