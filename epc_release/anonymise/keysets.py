"""Key sets of a policy: what somebody may know of a record, and what must hold against them.

A key set names published columns (the quasi-identifiers of one attacker scenario). Records alike in
all of them are an equivalence class; a missing value is a category of its own. ``k``, ``l``,
entropy l, alpha and t are as in Sweeney 2002, Machanavajjhala et al. 2007, Wong et al. 2006 and
Li et al. 2007. Paths tell partition and year, so both are in every key set, and no class crosses a
partition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from epc_release.anonymise.document import Document, Section
from epc_release.schemas.register import Register, Table

ACTIONS = ("suppress", "fail")
LEAST_K = 2
CEILINGS = frozenset({"star", "max_cells", "max_rows", "from_rows"})


@dataclass(frozen=True)
class Sensitive:
    """What must hold of a sensitive column in every class; None: nothing is asked.

    ``l``: distinct values at least; ``entropy_l``: exponential of the entropy at least; ``alpha``:
    share of the most frequent value at most; ``t``: distance from the whole table's distribution
    at most (``ordered``: the earth mover's over ordered values, else the total variation).
    """

    column: str
    l: float | None = None  # noqa: E741  (the measure's name)
    entropy_l: float | None = None
    alpha: float | None = None
    t: float | None = None
    ordered: bool = False


@dataclass(frozen=True)
class KeySet:
    """One scenario against one table.

    ``unit``: a column of the register whose distinct values are counted, rows where None; all
    records without one count as one. ``star``: keys that may be made missing, in that order, for
    whole classes at a time; what then still is too small is dropped. ``max_cells`` and ``max_rows``
    are shares of the table's starrable cells and of its rows that may be lost at most, in a table
    of ``from_rows`` rows or more.
    """

    id: str
    table: str
    why: str
    keys: tuple[str, ...]
    unit: str | None
    k: int
    sensitive: tuple[Sensitive, ...]
    action: str
    star: tuple[str, ...]
    max_cells: float
    max_rows: float
    from_rows: int
    line: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The published columns that it looks at."""
        return tuple(dict.fromkeys((*self.keys, *(each.column for each in self.sensitive))))


@dataclass(frozen=True)
class Told:
    """What of a table is published, as key sets need to know it.

    ``classes`` maps the published columns to their class; ``paths`` are those that paths and
    archives tell; ``fixed`` those that can never be missing (keys that join tables). ``loose`` are
    the table and its children as far as they do not publish the key that joins them, alike: their
    records could not be known again, nor follow one that is suppressed.
    """

    classes: Mapping[str, str]
    paths: tuple[str, ...]
    fixed: frozenset[str]
    loose: tuple[str, ...] = ()


def read_key_sets(
    document: Document, register: Register, told: Mapping[str, Told]
) -> tuple[KeySet, ...]:
    """The ``[[risk]]`` of a policy, one key set per table, in file order. Raises E141.

    ``told`` is by table.
    """
    found: list[KeySet] = []
    for section in document.sections("risk"):
        with document.part():
            _take(section, register, told, found)
    _check_units(document, found)
    return tuple(found)


def _take(
    section: Section, register: Register, told: Mapping[str, Told], found: list[KeySet]
) -> None:
    name = section.text("id")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        section.wrong("id", "id must be lower-case words joined by hyphens")
    tables = section.texts("tables")
    read = _settings(section, name, tables[0])
    known = [each.name for each in register.tables if each.parent is None]
    for table in tables:
        if table not in known:
            section.wrong(table, f"key sets are for {', '.join(known)}; children follow")
        made = replace(read, table=table)
        if any((each.id, each.table) == (name, table) for each in found):
            section.wrong("id", f"key set {name} stands twice for table {table}")
        _check(section, made, register.table(table), told[table])
        found.append(made)
    section.done()


def _settings(section: Section, name: str, table: str) -> KeySet:
    action = section.text("action", ACTIONS)
    suppresses = action == "suppress"
    if not suppresses and (CEILINGS & set(section.left())):
        section.wrong("action", f"{', '.join(sorted(CEILINGS))} go with action suppress")
    return KeySet(
        id=name,
        table=table,
        why=section.text("why"),
        keys=section.texts("keys"),
        unit=section.text("unit") if "unit" in section else None,
        k=_whole(section, "k", LEAST_K),
        sensitive=tuple(map(_sensitive, section.parts("sensitive"))),
        action=action,
        star=section.texts("star") if "star" in section else (),
        max_cells=_share(section, "max_cells") if suppresses else 0.0,
        max_rows=_share(section, "max_rows") if suppresses else 0.0,
        from_rows=_whole(section, "from_rows", 0) if "from_rows" in section else 0,
        line=section.line,
    )


def _sensitive(section: Section) -> Sensitive:
    column = section.text("column")
    limits = {
        key: float(section.number(key))
        for key in ("l", "entropy_l", "alpha", "t")
        if key in section
    }
    for key, value in limits.items():
        if key in ("alpha", "t") and not 0 < value <= 1:
            section.wrong(key, f"{key} must be above 0 and at most 1")
        if key in ("l", "entropy_l") and value < 1:
            section.wrong(key, f"{key} must be at least 1")
    ordered = section.flag("ordered", False)
    section.done()
    if not limits:
        section.wrong("column", "a sensitive column needs l, entropy_l, alpha or t")
    return Sensitive(column, **limits, ordered=ordered)


def _check(section: Section, made: KeySet, table: Table, told: Told) -> None:
    sensitive = [each.column for each in made.sensitive]
    for role, names in (("keys", made.keys), ("star", made.star), ("sensitive", sensitive)):
        if len(set(names)) < len(names):
            section.wrong(role, f"{role} name a column twice")
    for name in (*made.keys, *sensitive):
        _check_published(section, name, table, told)
    if set(sensitive) & set(made.keys):
        section.wrong("sensitive", "a sensitive column is no key")
    if made.unit is not None and made.unit not in table.schema.by_name:
        section.wrong(made.unit, f"table {table.name} has no column {made.unit}")
    missing = [name for name in told.paths if name not in made.keys]
    if missing:
        problem = f"{', '.join(missing)} must be among the keys: paths and archives tell them"
        section.wrong("keys", problem)
    if set(made.star) - set(made.keys):
        section.wrong("star", "star names keys only")
    if made.action == "suppress":
        _check_stars(section, made, table, told)


def _check_stars(section: Section, made: KeySet, table: Table, told: Told) -> None:
    if told.loose:
        problem = (
            f"{', '.join(told.loose)} must publish the key of {table.name}, kept or as pseudonym"
        )
        section.wrong("action", problem)
    for name in made.star:
        if name in told.paths or name in told.fixed:
            section.wrong(name, f"{name} cannot be starred: paths, archives or joins tell it")


def _check_published(section: Section, name: str, table: Table, told: Told) -> None:
    if name not in told.classes:
        section.wrong(name, f"table {table.name} publishes no column {name}")
    if told.classes[name] == "identifier":
        problem = "an identifier is in no key set: pseudonyms are unique, and others dropped"
        section.wrong(name, f"{name}: {problem}")


def _check_units(document: Document, found: Iterable[KeySet]) -> None:
    """One unit per table: a record is of one."""
    units: dict[str, str] = {}
    for made in found:
        if made.unit is not None and units.setdefault(made.table, made.unit) != made.unit:
            document.wrong(made.line, f"key sets of table {made.table} name several units")


def starred(key_sets: Sequence[KeySet], table: str) -> tuple[str, ...]:
    """The columns of a table that any of its key sets may make missing, in the order named."""
    named = (name for each in key_sets if each.table == table for name in each.star)
    return tuple(dict.fromkeys(named))


def _whole(section: Section, key: str, least: int) -> int:
    value = section.number(key)
    if not isinstance(value, int) or value < least:
        section.wrong(key, f"{key} must be a whole number from {least} on")
    return value


def _share(section: Section, key: str) -> float:
    value = section.number(key)
    if not 0 <= value <= 1:
        section.wrong(key, f"{key} must be a share between 0 and 1")
    return float(value)
