"""The files of a request, all with the columns that it names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from epc_release.errors import ReleaseError
from epc_release.release.check.files import Listing, list_files
from epc_release.release.check.targets import Target
from epc_release.release.risk.coders import family
from epc_release.release.risk.request import Request, Slots
from epc_release.release.source.location import opened
from epc_release.release.source.model import Part
from epc_release.schemas.register import HeaderMatch
from epc_release.schemas.table import TableSchema

DESCRIPTOR = "datapackage.json"
_ANY = Target("", TableSchema({"fields": []}))


@dataclass(frozen=True)
class Tables:
    """The files, the slots over their columns, and the family of each column's type.

    ``untyped``: all files are CSVs, in which a number is a text.
    """

    parts: tuple[Part, ...]
    slots: Slots
    families: Mapping[str, str]
    untyped: bool


def tables(request: Request) -> Tables:
    """What a request is about; columns are called as in the files.

    Raises E201 to E261 for files that cannot be read, E270 and E275 for a column that a file does
    not have or has twice, E272 where its type differs, E276 where a release's table is not clear.
    """
    paths = [found for path in request.paths for found in _expanded(path, request.table)]
    listing = list_files(paths, (_ANY,), request.encoding)
    for unread in listing.unread:
        raise unread.error
    if not listing.parts:
        raise ReleaseError("E202", source=", ".join(request.paths))
    header = listing.parts[0].header
    slots = Slots.of(request, header)
    for part in listing.parts:
        _check(part, slots.wanted)
    if not request.keys:
        for part in listing.parts[1:]:
            _check_all(part, header, listing)
    families = _families(listing.parts, slots.wanted)
    parts = tuple(replace(part, match=_taken(part, slots.wanted)) for part in listing.parts)
    return Tables(parts, slots, families, all(part.kind != "parquet" for part in parts))


def _expanded(path: str, table: str | None) -> Sequence[str]:
    """The Parquet files of one table where the path is a release, else the path itself."""
    descriptor = Path(path) / DESCRIPTOR
    if not descriptor.is_file():
        if table is not None:
            raise ReleaseError("E276", path=path, problem="it is no release, so it has no tables")
        return [path]
    known = _resources(descriptor)
    name = table if table is not None or len(known) != 1 else next(iter(known))
    if name not in known:
        wanted = "name one with --table" if table is None else f"it has no table {table}"
        raise ReleaseError("E276", path=path, problem=f"{wanted}; its tables: {', '.join(known)}")
    return [str(Path(path) / each) for each in known[name]]


def _resources(descriptor: Path) -> dict[str, list[str]]:
    """Paths by name of the Parquet resources."""
    try:
        found: Any = json.loads(descriptor.read_text(encoding="utf-8"))
        listed = [one for one in found["resources"] if one.get("format") == "parquet"]
        named = {str(one["name"]): one["path"] for one in listed if one.get("type") == "table"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"its {DESCRIPTOR} cannot be read"
        raise ReleaseError("E276", path=descriptor.parent, problem=problem) from error
    return {name: [path] if isinstance(path, str) else list(path) for name, path in named.items()}


def _check(part: Part, wanted: Sequence[str]) -> None:
    counts = Counter(part.header)
    for name in wanted:
        if name not in counts:
            known = ", ".join(part.header)
            raise ReleaseError("E270", file=part.name, column=name, known=known)
        if counts[name] > 1:
            raise ReleaseError("E275", file=part.name, column=name)


def _check_all(part: Part, header: Sequence[str], listing: Listing) -> None:
    """All columns together can only be compared where files have the same."""
    for name in set(part.header) - set(header):
        known = ", ".join(header)
        raise ReleaseError("E270", file=listing.parts[0].name, column=name, known=known)


def _families(parts: Sequence[Part], wanted: Sequence[str]) -> dict[str, str]:
    """By column; values of different types are never equal, so a column must have one."""
    first: dict[str, tuple[str, str]] = {}
    for part in parts:
        for name, kind in _types(part, wanted).items():
            other, file = first.setdefault(name, (kind, part.name))
            if other != kind:
                raise ReleaseError(
                    "E272", column=name, one=other, file=file, other=kind, second=part.name
                )
    return {name: kind for name, (kind, _) in first.items()}


def _types(part: Part, wanted: Sequence[str]) -> dict[str, str]:
    if part.kind != "parquet":
        return dict.fromkeys(wanted, "text")
    with opened(part.location, part.name) as stream:
        schema = pq.ParquetFile(stream).schema_arrow
    kinds = {name: family(schema.field(name).type) for name in wanted}
    for name, kind in kinds.items():
        if kind.startswith(("struct", "list", "large_list", "map", "fixed_size_list")):
            raise ReleaseError("E231", file=part.name, column=name, type=kind)
    return kinds


def _taken(part: Part, wanted: Sequence[str]) -> HeaderMatch:
    """Only these columns are taken on, by their own names."""
    columns = tuple(name if name in wanted else None for name in part.header)
    return HeaderMatch(part.match.dialect, columns)
