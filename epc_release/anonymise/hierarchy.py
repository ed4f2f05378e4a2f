"""Hierarchies of generalisation: CSV files, one column a level, finest first, and code lists.

Every value of a level belongs to exactly one value of the next (it is nested), and no value is its
own ancestor; both are checked when the file is loaded.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from epc_release.anonymise.used import Used
from epc_release.errors import ReleaseError
from epc_release.schemas.register import CodeList


@dataclass(frozen=True)
class Hierarchy:
    """What each value of the finest level becomes at level ``to``; ``name`` is for messages.

    ``above`` are the levels over ``to``, and what each of its values becomes there.
    Where ``folded``, values are compared without regard to case and outer blanks.
    """

    name: str
    to: str
    coarser: Mapping[str, str]
    used: tuple[Used, ...]
    above: tuple[tuple[str, Mapping[str, str]], ...] = ()
    folded: bool = False


def load_hierarchy(path: Path, name: str, levels: Sequence[str], to: str, given: str) -> Hierarchy:
    """Read a hierarchy, which the policy calls ``given``; ``levels`` are the columns to use (none:
    all). Raises E147."""
    rows = _rows(path, name)
    _, header = next(rows, (1, []))
    used = tuple(levels) or tuple(header)
    for level in (*used, to):
        if header.count(level) != 1:
            _wrong(name, 1, f"the header must name the level {level!r} once")
    if to not in used[1:]:
        _wrong(name, 1, f"{to!r} must be a level above {used[0]!r}")
    places = [header.index(level) for level in used]
    parents: dict[tuple[int, str], str] = {}
    for line, row in rows:
        if len(row) != len(header):
            _wrong(name, line, f"{len(row)} cells where the header has {len(header)}")
        _take([row[place].strip() for place in places], parents, name, line)
    _refuse_cycles(parents, name)
    file = Used("hierarchy", given, sha256(path.read_bytes()).hexdigest())
    height = used.index(to)
    coarser = _climb(parents, height)
    above = tuple(
        (level, {coarser[fine]: top for fine, top in _climb(parents, at).items()})
        for at, level in enumerate(used)
        if at > height
    )
    return Hierarchy(name, to, coarser, (file,), above)


def of_codelist(codes: CodeList, to: str) -> Hierarchy:
    """Codes and English names of a code list to one of its attributes; raises KeyError where it has
    no such attribute."""
    coarser: dict[str, str] = {}
    for code, about in codes.attributes.items():
        if to in about:
            coarser |= {code: about[to], codes.names[code]: about[to]}
    if not coarser:
        raise KeyError(to)
    return Hierarchy(codes.name, to, coarser, (_codes(codes),), folded=True)


def over_codelist(merged: Hierarchy, codes: CodeList) -> Hierarchy:
    """A hierarchy that names only what changes: all else of a code list stays as it is."""
    same = {value: value for value in (*codes.names, *codes.names.values())}
    used = (*merged.used, _codes(codes))
    return Hierarchy(merged.name, merged.to, {**same, **merged.coarser}, used, folded=True)


def _codes(codes: CodeList) -> Used:
    return Used("code list", codes.name, codes.sha256)


def _rows(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                line = reader.line_num
                yield line, row
    except OSError as error:
        _wrong(name, line, error.strerror or "it cannot be read")
    except (UnicodeDecodeError, csv.Error):
        _wrong(name, line + 1, "this is not CSV in UTF-8")


def _take(values: list[str], parents: dict[tuple[int, str], str], name: str, line: int) -> None:
    if not all(values):
        _wrong(name, line, "a level is empty")
    for level, (fine, coarse) in enumerate(pairwise(values)):
        if parents.setdefault((level, fine), coarse) != coarse:
            _wrong(
                name, line, f"it is not nested: {fine!r} belongs to two values of the next level"
            )


def _refuse_cycles(parents: Mapping[tuple[int, str], str], name: str) -> None:
    graph: dict[str, set[str]] = {}
    for (_, fine), coarse in parents.items():
        if fine != coarse:
            graph.setdefault(fine, set()).add(coarse)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        _wrong(name, 1, f"{error.args[1][0]!r} is its own ancestor")


def _climb(parents: Mapping[tuple[int, str], str], height: int) -> dict[str, str]:
    found = {}
    for level, value in parents:
        if level == 0:
            coarse = value
            for step in range(height):
                coarse = parents[(step, coarse)]
            found[value] = coarse
    return found


def _wrong(name: str, line: int, problem: str) -> NoReturn:
    raise ReleaseError("E147", file=name, line=line, problem=problem)
