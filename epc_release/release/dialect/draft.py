"""A dialect file to edit: every column of the headers named once, and how it was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from epc_release.errors import ReleaseError
from epc_release.release.dialect.merge import TableDraft, merged, must_have
from epc_release.release.dialect.model import Alike, Column, HeaderReport, Inspection
from epc_release.release.dialect.text import array, inline, lines, quoted
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.register import Pick, Register

AMBIGUOUS: Final = "E126"  # all columns are known, of two tables: TABLE=PATH decides
_HEAD: Final = """\
# How these files spell the tables of the register {register}. Made by `epc-release dialect` from
# headers and from the share of values that fit; no value of a cell stands here. To do:
#   1. read every line: what is called a guess may be wrong;
#   2. decide each line that says DECIDE;
#   3. see whether it works: epc-release dialect PATH --dialect THIS_FILE
#   4. build:                epc-release build --source PATH --dialect THIS_FILE
# A column that is neither under columns nor under input_only stops the build: nothing is dropped
# in silence. All keys: docs/dialects.md.
"""
_SCREENED: Final = """\
# Which record rules were applied before these files were made. A rule that stands here is not
# applied again, so name only what you know. Without it, the columns of each rule must be there."""
_WAYS: Final = {
    "exact": "as in {dialect}",
    "alias": "a known spelling",
    "loose": "a known spelling, but for signs and blanks",
    "close": "a guess: {likeness:.2f} alike",
}


@dataclass(frozen=True)
class Draft:
    """A dialect file: its ``text``, and its columns that have a place and that have none."""

    text: str
    tables: tuple[str, ...]
    mapped: int
    left: int
    undecided: int

    @property
    def counts(self) -> dict[str, object]:
        """What it says, as data."""
        places = {"mapped": self.mapped, "input_only": self.left, "undecided": self.undecided}
        return {"tables": list(self.tables), **places}

    def __str__(self) -> str:
        return f"{self.mapped} columns mapped, {self.left} not taken on, {self.undecided} to decide"


def draft(inspection: Inspection, register: Register, name: str) -> Draft:
    """The headers of ``inspection`` that the register cannot read (or all) as a dialect ``name``.

    Raises E170 where a file has no header line and E171 where a header is like no table.
    """
    chosen = _chosen(inspection)
    tables = [
        merged(table, [found for found in chosen if found.dialect.table == table.name])
        for table in register.tables
        if any(found.dialect.table == table.name for found in chosen)
    ]
    taken = {dialect.dialect for dialect in register.dialects}
    own = name if name not in taken else f"{name}-own"
    blocks = [_top(register, own, tables), *("\n".join(_table(found)) for found in tables)]
    return Draft(
        text="\n".join(block + "\n" for block in blocks),
        tables=tuple(found.table.name for found in tables),
        mapped=sum(len(found.mapped) for found in tables),
        left=sum(len(found.left) for found in tables),
        undecided=sum(len((*found.undecided, *found.repeated)) for found in tables),
    )


def _chosen(inspection: Inspection) -> list[Alike]:
    open_ones = [report for report in inspection.headers if not report.exact]
    unread = [r for r in open_ones if r.problem is None or r.problem[0] != AMBIGUOUS]
    chosen: list[Alike] = []
    for report in unread or open_ones or inspection.headers:
        if not report.headed:
            raise ReleaseError("E170", file=report.files[0], columns=report.width)
        if report.nearest is None:
            raise _like_none(report, inspection)
        chosen.append(report.nearest)
    return chosen


def _like_none(report: HeaderReport, inspection: Inspection) -> ReleaseError:
    return ReleaseError("E171", file=report.files[0], register=inspection.register)


def _top(register: Register, name: str, tables: Sequence[TableDraft]) -> str:
    nearest = tables[0].nearest
    found = [_HEAD.format(register=register.name), f"name = {quoted(name)}"]
    found += ['title = "Files with other headers"']
    if any(table.extract for table in tables):
        found += ["# They have columns that only the register's own extract has.", "extract = true"]
    if nearest.fold != "plain":
        found += [
            "# Spellings are compared by letters and digits alone.",
            f"fold = {quoted(nearest.fold)}",
        ]
    if nearest.blank_rows:
        found += ["# Records without any text are left out.", "blank_rows = true"]
    places = sorted({place for table in tables for place in table.unnamed})
    if places:
        listed = ", ".join(map(str, places))
        found += [
            f"# DECIDE: without a name are the columns {listed}. They can only be left out, as a",
            "# whole; or name them in the file.",
            "# unnamed = true",
        ]
    upstream = dict.fromkeys(rule for table in tables for rule in table.nearest.screened_upstream)
    found += ["", _SCREENED]
    if upstream:
        found.append(f"# Of dialect {nearest.dialect}: screened_upstream = {array(upstream)}")
    return "\n".join([*found, "screened_upstream = []"])


def _table(found: TableDraft) -> Iterator[str]:
    name = found.table.name
    yield ""
    yield f"[tables.{name}]"
    for column in found.lacking:
        yield f"# DECIDE: no column was found for {column}, without which nothing is published."
    absent = lines("absent", _absent(found))
    if absent:
        yield "# Ours, and no column of these files; take one out of here to map it below."
    yield from absent
    yield from lines("optional", [(column, "not in all files") for column in found.optional])
    yield from lines("input_only", [(c.spelling, _note(found, c)) for c in found.left])
    yield from (
        f"# DECIDE: {quoted(c.spelling)} stands there more than once; rename one in the file."
        for c in found.repeated
    )
    yield ""
    yield f"[tables.{name}.columns]"
    yield from _columns(found)
    yield from (_choice(column) for column in found.undecided)
    yield from _carried(found)


def _absent(found: TableDraft) -> list[tuple[str, str]]:
    """Names that no header has, and in comments those that an undecided column may be."""
    entries = [(name, "") for name in found.absent]
    needed = {*must_have(found.table), *found.picks}
    maybe = [name for name in found.perhaps if name not in needed]
    return entries + [(name, "DECIDE: absent, unless a column is this one") for name in maybe]


def _columns(found: TableDraft) -> Iterator[str]:
    """Ours in the schema's order; of several spellings each has its line."""
    fold = FOLDS[found.nearest.fold]
    for name in found.table.schema.names:
        own = {fold(c.spelling): c for c in reversed(found.mapped) if c.name == name}
        if len(own) == 1:
            (column,) = own.values()
            yield f"{name} = {array([column.spelling])}  # {_note(found, column)}"
        elif own:
            spelled = sorted(own.values(), key=lambda column: column.position)
            yield from lines(name, [(c.spelling, _note(found, c)) for c in spelled])


def _note(found: TableDraft, column: Column) -> str:
    way = _WAYS[column.way].format(dialect=found.nearest.dialect, likeness=column.likeness)
    return f"column {column.position}, {way}{_fits(column.fits)}"


def _fits(share: float | None) -> str:
    return "" if share is None else f"; {int(share * 100)}% fit"


def _choice(column: Column) -> str:
    """A commented line that a person completes: the likeliest name first, others behind."""
    first = column.candidates[0].name if column.candidates else "OUR_NAME"
    told = [f"{c.name} ({c.likeness:.2f} alike{_fits(c.fits)})" for c in column.candidates]
    why = f"perhaps {', or '.join(told)}" if told else "like none of ours"
    spelled = array([column.spelling])
    return f"# {first} = {spelled}  # DECIDE column {column.position}: {why}; or input_only"


def _carried(found: TableDraft) -> Iterator[str]:
    """What the nearest dialect says of values, for columns that the headers have or may have."""
    nearest, name = found.nearest, found.table.name
    ours = {column.name for column in found.mapped} | {*found.perhaps, *found.picks}
    parts: Mapping[str, Mapping[str, str]] = {
        "missing": {k: array(v) for k, v in nearest.missing.items()},
        "dates": {k: array(v) for k, v in nearest.dates.items()},
        "rewrites": {
            k: _list([inline({"pattern": p, "replace": r}) for p, r in v])
            for k, v in nearest.rewrites.items()
        },
        "picks": {k: _list([_pick(pick) for pick in v]) for k, v in found.picks.items()},
    }
    for key, entries in parts.items():
        kept = {k: v for k, v in entries.items() if k in ours}
        if kept:
            yield ""
            yield f"# As in dialect {nearest.dialect}."
            yield f"[tables.{name}.{key}]"
            yield from (f"{column} = {value}" for column, value in kept.items())


def _list(items: Sequence[str]) -> str:
    return f"[{items[0]}]" if len(items) == 1 else "[\n" + "".join(f"  {i},\n" for i in items) + "]"


def _pick(pick: Pick) -> str:
    if pick.constant is not None:
        return inline({"constant": pick.constant})
    place = {"file": pick.pattern} if pick.file else {"column": pick.column or ""}
    pattern = {} if pick.file or not pick.pattern else {"pattern": pick.pattern}
    whole = {} if pick.replace == Pick().replace else {"replace": pick.replace}
    return inline({**place, **pattern, **whole})
