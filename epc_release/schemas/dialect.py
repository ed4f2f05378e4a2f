"""Dialects as data: how one generation of input files spells each table of a register."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from epc_release.schemas.check import check_pattern
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.forms import read_dates, read_picks, read_shapes
from epc_release.schemas.register import Table, TableDialect
from epc_release.schemas.section import Section

CASES: Mapping[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "as-is": str}
TOP = (
    *("name", "title", "case", "extract", "screened_upstream", "rewrites", "tables"),
    *("fold", "header", "unnamed", "blank_rows"),
)
TABLE = (
    *("header", "columns", "absent", "optional", "input_only", "missing", "rewrites"),
    *("screened_upstream", "dates", "picks", "shapes"),
)
Rewrites = Mapping[str, tuple[tuple[str, str], ...]]


def read_dialect(section: Section, tables: Sequence[Table]) -> tuple[TableDialect, ...]:
    """The dialect of one file, for each of the register's tables.

    ``case`` spells the columns for which ``columns`` gives no spellings; ``extract`` says that such
    files have the columns that only the extract has; a table's ``screened_upstream`` stands instead
    of the dialect's; its rewrites of a column stand instead of the dialect's for that column. A
    column with ``picks`` need not stand in the header. Raises ReleaseError E121.
    """
    section.only(*TOP)
    if section.text("case", "as-is") not in CASES:
        raise section.wrong(f"case must be one of {', '.join(CASES)}")
    if section.text("fold", "plain") not in FOLDS:
        raise section.wrong(f"fold must be one of {', '.join(FOLDS)}")
    known = {name for table in tables for name in table.schema.names}
    _refuse(section, "rewrites", section.section("rewrites").values, known)
    _refuse(section, "tables", section.section("tables").values, {t.name for t in tables})
    return tuple(_table_dialect(section, table) for table in tables)


def _table_dialect(top: Section, table: Table) -> TableDialect:
    section = top.section("tables").section(table.name)
    section.only(*TABLE)
    names = _names(top, section, table)
    for key in ("columns", "missing", "rewrites", "dates", "picks", "shapes"):
        _refuse(section, key, section.section(key).values, set(names))
    picks = read_picks(section.section("picks"), names)
    optional = frozenset((*section.texts("optional"), *picks))
    _refuse(section, "optional", optional - {*picks}, set(names) - set(table.key))
    spellings = _spellings(top, section, names)
    input_only = section.texts("input_only")
    columns = {spelling: name for name, given in spellings.items() for spelling in given}
    fold = FOLDS[top.text("fold", "plain")]
    own = [s for given in spellings.values() for s in given]
    _refuse_twins(section, [*own, *input_only], fold)
    headed = "header" not in top.values or top.flag("header")
    shapes = read_shapes(section.section("shapes"))
    header = _header(section, spellings, columns, input_only, fold)
    _refuse(section, "shapes", shapes, {columns.get(spelling, "") for spelling in header})
    if not headed and not shapes and section.values:
        raise section.wrong("shapes must tell such files from others, as they have no header")
    screened = section if "screened_upstream" in section.values else top
    missing = section.section("missing")
    return TableDialect(
        dialect=top.text("name"),
        table=table.name,
        columns=columns,
        input_only=frozenset(input_only),
        optional=optional,
        missing={name: missing.texts(name) for name in missing.values},
        screened_upstream=screened.texts("screened_upstream"),
        rewrites=_rewrites(top, section, names),
        header=header,
        title=top.text("title"),
        fold=top.text("fold", "plain"),
        headed=headed,
        shapes=shapes,
        unnamed=top.flag("unnamed"),
        blank_rows=top.flag("blank_rows"),
        dates=read_dates(section.section("dates")),
        picks=picks,
    )


def _names(top: Section, section: Section, table: Table) -> tuple[str, ...]:
    """Our names of the columns that such files have, in the schema's order."""
    absent = section.texts("absent")
    _refuse(section, "absent", absent, set(table.schema.names) - set(table.key))
    extract = top.flag("extract")
    return tuple(
        field.name
        for field in table.schema.fields
        if field.name not in absent and (extract or not field.descriptor.get("extractOnly"))
    )


def _spellings(top: Section, section: Section, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each of our names the accepted spellings, the usual one first."""
    given = section.section("columns")
    case = CASES[top.text("case", "as-is")]
    return {name: given.texts(name) or (case(name),) for name in names}


def _header(
    section: Section,
    spellings: Mapping[str, tuple[str, ...]],
    columns: Mapping[str, str],
    input_only: Sequence[str],
    fold: Callable[[str], str],
) -> tuple[str, ...]:
    picks = section.section("picks")
    made = {  # columns that are made of others alone
        name
        for name in picks.values
        if all(entry.get("column") != name for entry in picks.entries(name))
    }
    usual = tuple(given[0] for name, given in spellings.items() if name not in made)
    header = section.texts("header")
    if not header:
        return usual
    _refuse(section, "header", header, {*columns, *input_only})
    _refuse_twins(section, header, fold)
    _refuse(section, "a column that is not in header", usual, set(header))
    return header


def _rewrites(top: Section, section: Section, names: Sequence[str]) -> Rewrites:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for place in (top.section("rewrites"), section.section("rewrites")):
        for name in place.values:
            pairs = [Section(place.file, place.where, entry) for entry in place.entries(name)]
            for pair in pairs:
                pair.only("pattern", "replace")
                check_pattern(place, name, pair.text("pattern"))
            if name in names:
                found[name] = tuple((pair.text("pattern"), pair.text("replace")) for pair in pairs)
    return found


def _refuse(section: Section, what: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise section.wrong(f"{what}: {name} cannot stand there")


def _refuse_twins(section: Section, spellings: Sequence[str], fold: Callable[[str], str]) -> None:
    seen: set[str] = set()
    for spelling in spellings:
        if fold(spelling) in seen:
            raise section.wrong(f"{spelling} stands for two columns")
        seen.add(fold(spelling))
