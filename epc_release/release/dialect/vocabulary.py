"""All that a register calls the columns of one of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from epc_release.release.dialect.model import Way
from epc_release.schemas.fold import folded, loosely_folded
from epc_release.schemas.register import Register, Table, TableDialect


@dataclass(frozen=True)
class Known:
    """What a spelling means: our ``name``, or None where the column is not taken on."""

    name: str | None
    way: Way


@dataclass(frozen=True)
class Vocabulary:
    """The spellings of one table: ``plain`` and ``loose`` by how they are folded.

    ``of`` lists for each of our names what a header is compared with: its spellings in all
    dialects, the name itself and its title in the schema.
    """

    plain: dict[str, Known]
    loose: dict[str, Known]
    of: dict[str, tuple[str, ...]]

    def known(self, spelling: str) -> Known | None:
        """The meaning of a header's spelling, the surest that there is."""
        return self.plain.get(folded(spelling)) or self.loose.get(loosely_folded(spelling))


def vocabulary(register: Register, table: Table, nearest: TableDialect) -> Vocabulary:
    """The spellings of ``table``: exact where the dialect ``nearest`` has them, else aliases.

    Where two of them contradict each other the surer one counts, and of equals the first.
    """
    plain: dict[str, Known] = {}
    loose: dict[str, Known] = {}
    of: dict[str, dict[str, None]] = {name: {name: None} for name in table.schema.names}
    for spelling, name, way, fold in _meanings(register, table, nearest):
        if way != "loose":
            plain.setdefault(folded(spelling), Known(name, way))
        surely = Known(name, way if fold == "loose" else "loose")
        loose.setdefault(loosely_folded(spelling), surely)
        if name is not None:
            of[name][spelling] = None
    return Vocabulary(plain, loose, {name: tuple(found) for name, found in of.items()})


def _meanings(
    register: Register, table: Table, nearest: TableDialect
) -> Iterator[tuple[str, str | None, Way, str]]:
    """(spelling, our name, how sure, how it is folded), the surest first."""
    own = [dialect for dialect in register.dialects if dialect.table == table.name]
    for dialect in sorted(own, key=lambda dialect: dialect is not nearest):
        way: Way = "exact" if dialect is nearest else "alias"
        for spelling, name in dialect.columns.items():
            yield spelling, name, way, dialect.fold
        for spelling in sorted(dialect.input_only):
            yield spelling, None, way, dialect.fold
    for field in table.schema.fields:
        yield field.name, field.name, "alias", "plain"
        yield str(field.descriptor.get("title", "")) or field.name, field.name, "loose", "plain"
