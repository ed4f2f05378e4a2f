"""The parts of a dialect that say what cells look like: picks, forms of days, shapes of columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from epc_release.schemas.check import check_pattern
from epc_release.schemas.register import Pick
from epc_release.schemas.section import Section

PLACES = ("column", "file", "constant")


def read_picks(section: Section, names: Collection[str]) -> dict[str, tuple[Pick, ...]]:
    """For each column its places in order: ``{ column = NAME, pattern, replace }``,
    ``{ file = PATTERN, replace }`` (of the file's own name) or ``{ constant = TEXT }``. E121.
    """
    return {name: _picks(section, name, names) for name in section.values}


def _picks(section: Section, name: str, names: Collection[str]) -> tuple[Pick, ...]:
    entries = [Section(section.file, section.where, entry) for entry in section.entries(name)]
    if not entries:
        raise section.wrong(f"{name}: it must have places")
    return tuple(_pick(entry, name, names) for entry in entries)


def _pick(entry: Section, name: str, names: Collection[str]) -> Pick:
    entry.only(*PLACES, "pattern", "replace")
    given = [place for place in PLACES if place in entry.values]
    if len(given) != 1 or ("pattern" in entry.values and given != ["column"]):
        raise entry.wrong(f"{name}: one of {', '.join(PLACES)}; only a column has a pattern")
    if given == ["constant"]:
        return Pick(constant=entry.text("constant"))
    if given == ["column"] and entry.text("column") not in names:
        raise entry.wrong(f"{name}: {entry.text('column')} cannot stand there")
    pattern = entry.text("file" if given == ["file"] else "pattern", "")
    check_pattern(entry, name, pattern)
    return Pick(
        column=entry.text("column") if given == ["column"] else None,
        file=given == ["file"],
        pattern=pattern,
        replace=entry.text("replace", "${0}"),
    )


def read_dates(section: Section) -> dict[str, tuple[str, ...]]:
    """For each column its forms of days, as of ``strptime``. E121."""
    for name in section.values:
        for form in section.texts(name):
            if not {"%d", "%m"} <= {form[i : i + 2] for i in range(len(form))} and "%b" not in form:
                raise section.wrong(f"{name}: {form} is no form of a day")
    return {name: section.texts(name) for name in section.values}


def read_shapes(section: Section) -> Mapping[str, str]:
    """For each column the regular expression that its first cell matches. E121."""
    shapes = {name: section.text(name) for name in section.values}
    for name, pattern in shapes.items():
        check_pattern(section, name, pattern)
    return shapes
