"""Several headers of one table as one: what each spelling means, and what no header has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from epc_release.release.dialect.mapping import CLOSE
from epc_release.release.dialect.model import Alike, Candidate, Column
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.register import Pick, Table, TableDialect


@dataclass(frozen=True)
class TableDraft:
    """How some headers spell one table: each of their spellings in one of three places.

    ``mapped`` and ``left`` (not taken on) are decided, ``undecided`` are not. ``absent`` are names
    of ours that no header has and that files may lack; ``perhaps`` those that an undecided column
    may be by its looks, or because files of the nearest dialect always have them; ``lacking`` those
    that no column is most like and without which nothing is published. ``optional`` names are
    mapped in some headers only; ``picks`` are those of the nearest dialect that have a place here.
    """

    table: Table
    nearest: TableDialect
    mapped: tuple[Column, ...]
    left: tuple[Column, ...]
    undecided: tuple[Column, ...]
    repeated: tuple[Column, ...]
    unnamed: tuple[int, ...]
    optional: tuple[str, ...]
    picks: Mapping[str, tuple[Pick, ...]]
    absent: tuple[str, ...]
    perhaps: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def extract(self) -> bool:
        """Whether such files have columns that only an extract has."""
        fields = self.table.schema.by_name
        names = [*(c.name for c in self.mapped if c.name), *self.perhaps, *self.picks]
        return any(fields[name].descriptor.get("extractOnly") for name in names)


def merged(table: Table, found: Sequence[Alike]) -> TableDraft:
    """The headers of ``table`` as one; a spelling that means two things is left undecided."""
    nearest = found[0].dialect
    spellings = _by_spelling(nearest, found)
    agreed = [_agreed(columns) for columns in spellings.values()]
    mapped = tuple(column for column in agreed if column.decided and column.name is not None)
    ours = {column.name for column in mapped}
    undecided = tuple(_open(c, ours) for c in agreed if not c.decided and c.way != "repeated")
    perhaps = {candidate.name for column in undecided for candidate in column.candidates}
    likeliest = {column.candidates[0].name for column in undecided if column.candidates}
    if undecided:  # any of them may be what such files always have
        perhaps |= {name for alike in found for name in alike.missing} - ours
    free = [name for name in table.schema.names if name not in ours]
    must = must_have(table)
    picks = _picks(nearest, {*ours, *perhaps})
    of_files = [f.name for f in table.schema.fields if not f.descriptor.get("extractOnly")]
    draft = TableDraft(
        table=table,
        nearest=nearest,
        mapped=mapped,
        left=tuple(column for column in agreed if column.decided and column.name is None),
        undecided=undecided,
        repeated=tuple(column for column in agreed if column.way == "repeated"),
        unnamed=_unnamed(found),
        optional=_sometimes(table, found, ours),
        picks=picks,
        absent=(),
        perhaps=tuple(name for name in free if name in perhaps),
        lacking=tuple(name for name in free if name in must and name not in {*likeliest, *picks}),
    )
    known = table.schema.names if draft.extract else of_files
    kept = {*perhaps, *must, *picks}
    absent = [name for name in free if name in known and name not in kept]
    return replace(draft, absent=tuple(absent))


def _by_spelling(dialect: TableDialect, found: Sequence[Alike]) -> dict[str, list[Column]]:
    """The columns of all headers by spelling, as the dialect compares them."""
    fold = FOLDS[dialect.fold]
    spellings: dict[str, list[Column]] = {}
    for alike in found:
        for column in alike.columns:
            if column.way != "unnamed":
                spellings.setdefault(fold(column.spelling), []).append(column)
    return spellings


def _agreed(columns: Sequence[Column]) -> Column:
    """What one spelling means in all headers that have it."""
    first = columns[0]
    if all((c.decided, c.name) == (first.decided, first.name) for c in columns):
        return first
    repeated = next((c for c in columns if c.way == "repeated"), None)
    if repeated is not None:
        return repeated
    names = [Candidate(c.name, c.likeness, c.fits) for c in columns if c.name is not None]
    candidates = {c.name: c for c in (*names, *(k for c in columns for k in c.candidates))}
    return replace(
        first, way="unknown", decided=False, name=None, candidates=tuple(candidates.values())
    )


def _open(column: Column, taken: set[str | None]) -> Column:
    """An undecided column without candidates that other spellings are, unless it is as close."""
    left = tuple(c for c in column.candidates if c.name not in taken or c.likeness >= CLOSE)
    return replace(column, candidates=left)


def _picks(dialect: TableDialect, present: Collection[str | None]) -> dict[str, tuple[Pick, ...]]:
    """Picks from the file's name, from nothing, or from columns that are there."""
    found = {
        name: tuple(pick for pick in picks if pick.column is None or pick.column in present)
        for name, picks in dialect.picks.items()
    }
    return {name: picks for name, picks in found.items() if picks}


def _unnamed(found: Sequence[Alike]) -> tuple[int, ...]:
    places = {c.position for alike in found for c in alike.columns if c.way == "unnamed"}
    return tuple(sorted(places))


def must_have(table: Table) -> set[str]:
    """Columns without which no record, or no partition, can be published."""
    required = {field.name for field in table.schema.fields if field.required}
    partition = {table.partition} if table.parent is None else set()
    return required | {*table.key, *table.schema.primary_key} | partition


def _sometimes(table: Table, found: Sequence[Alike], mapped: set[str | None]) -> tuple[str, ...]:
    """Names of ours that some of the headers lack, the key left out."""
    of_each = [{c.name for c in alike.columns if c.decided} for alike in found]
    return tuple(
        name
        for name in table.schema.names
        if name in mapped and name not in table.key and not all(name in own for own in of_each)
    )
