"""Which files of a release are wanted: all, or the parts of some tables and partitions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from epc_release.errors import ReleaseError
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.release.told import Told, parts_of
from epc_release.schemas.load import load_register, register_names
from epc_release.schemas.register import CodeList

_MOST_NAMED = 5


@dataclass(frozen=True)
class Where:
    """A column and one value of it; None is a missing value."""

    column: str
    value: str | None


def parse_where(text: str) -> Where:
    """``COLUMN=VALUE``; ``COLUMN=`` is the missing value. Raises E747."""
    column, equals, value = text.partition("=")
    if not (column and equals):
        raise ReleaseError(
            "E747", where=text, problem="it is not COLUMN=VALUE", column="the partitions' column"
        )
    return Where(column, value or None)


def choose(told: Told, tables: Sequence[str], wheres: Sequence[Where]) -> list[FileFacts]:
    """The Parquet parts of these tables (of all where none is named) and partitions.

    Raises E745 where the release has no such table or partition, E746 where the code has ended,
    E747 where the column is not that of the partitions.
    """
    chosen = [_table(told, name) for name in dict.fromkeys(tables)] or [*told.described.tables]
    if not wheres:
        return [part for table in chosen for part in table.files]
    found: list[FileFacts] = []
    for where in dict.fromkeys(wheres):
        followed = [table for table in chosen if table.partition == where.column]
        if not followed or (tables and len(followed) < len(chosen)):
            raise _other_column(where, chosen)
        parts = [parts_of(table)[where.value] for table in followed if _has(table, where)]
        if not parts:
            raise _no_partition(told, where, followed)
        found += parts
    return found


def _has(table: DescribedTable, where: Where) -> bool:
    return where.value in parts_of(table)


def _table(told: Told, name: str) -> DescribedTable:
    if name not in told.tables:
        known = ", ".join(told.tables)
        raise ReleaseError("E745", release=told.release, what=f"table {name}", known=known)
    return told.tables[name]


def _other_column(where: Where, tables: Sequence[DescribedTable]) -> ReleaseError:
    columns = sorted({table.partition for table in tables if table.partition is not None})
    told = " or ".join(columns) or "no column: the tables are one file each"
    problem = f"the partitions of {', '.join(table.name for table in tables)} do not follow it"
    text = f"{where.column}={where.value or ''}"
    return ReleaseError("E747", where=text, problem=problem, column=told)


def _no_partition(told: Told, where: Where, tables: Sequence[DescribedTable]) -> ReleaseError:
    values = sorted({value or "" for table in tables for value in parts_of(table)})
    codes = _codelist(told.register, where.column)
    if codes is not None and where.value in codes.successors:
        return _ended(told, where, codes, values)
    named = ", ".join(values[:_MOST_NAMED])
    rest = len(values) - _MOST_NAMED
    known = f"{named} and {rest} others" if rest > 0 else named
    what = f"partition {where.column}={where.value or ''}"
    return ReleaseError("E745", release=told.release, what=what, known=known or "none")


def _codelist(register: str, column: str) -> CodeList | None:
    """The code list of a column; None where the register is not one that comes with the program."""
    if register not in register_names():
        return None
    return load_register(register).codelists.get(column)


def _ended(told: Told, where: Where, codes: CodeList, values: Collection[str]) -> ReleaseError:
    code = where.value or ""
    later = successors(code, codes.successors)
    here = [each for each in later if each in values] or list(codes.successors[code])
    end = codes.attributes.get(code, {}).get("end")
    return ReleaseError(
        "E746",
        release=told.release,
        column=where.column,
        value=code,
        name=codes.names.get(code, code),
        when=f" on {end}" if end else "",
        successors=", ".join(f"{each} ({codes.names.get(each, each)})" for each in here),
        suggestion=" ".join(f"--where {where.column}={each}" for each in here),
    )


def successors(code: str, edges: Mapping[str, Sequence[str]]) -> list[str]:
    """All codes that a code went over to, near ones first, each once."""
    return list(_after(code, edges, {code}))


def _after(code: str, edges: Mapping[str, Sequence[str]], seen: set[str]) -> Iterator[str]:
    near = [each for each in edges.get(code, ()) if each not in seen]
    seen.update(near)
    yield from near
    for each in near:
        yield from _after(each, edges, seen)
