"""What files are checked against: one Table Schema, or the tables of a data package."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release.check.spelling import Spelling, read_spelling, tables_of, with_missing
from epc_release.schemas.checks import Plan, compile_checks
from epc_release.schemas.read_schema import read_schema
from epc_release.schemas.table import TableSchema

_WITHIN = re.compile(r"[/!]")


@dataclass(frozen=True)
class Target:
    """A table: its ``name`` (empty where it is the only one) and schema.

    ``files`` are the last parts of the paths that a data package gives it; ``spelling`` is how its
    files spell it, where a dialect says so.
    """

    name: str
    schema: TableSchema
    files: tuple[str, ...] = ()
    spelling: Spelling | None = None

    @property
    def plan(self) -> Plan:
        """The compiled checks; raises E130 to E137."""
        return compile_checks(self.schema, exact=True)

    def names(self, header: Sequence[str]) -> tuple[str | None, ...]:
        """The columns of a header by our names; None where one is not taken on."""
        return self.spelling.names(header) if self.spelling else tuple(header)

    def holds(self, file: str) -> bool:
        """Whether a file of this name is of this table."""
        last = _WITHIN.split(file)[-1]
        return not self.name or last in self.files or last.partition(".")[0] == self.name


def read_targets(path: Path) -> tuple[Target, ...]:
    """The tables of a Table Schema or data package file.

    Raises E134 where it is neither and E130 to E138 for schemas that cannot be compiled.
    """
    descriptor = _package(path)
    if descriptor is None:
        targets: tuple[Target, ...] = (Target("", read_schema(path)),)
    else:
        targets = tuple(_resource(path, one) for one in descriptor if "schema" in one)
        if not targets:
            raise ReleaseError("E134", file=path.name, problem="none of its resources has a schema")
    for target in targets:
        _ = target.plan
    return targets


def spelled(targets: Sequence[Target], schema: Path, dialect: Path) -> tuple[Target, ...]:
    """The same with what a dialect file says of them; raises E121 where that is wrong.

    The only table of a Table Schema is the dialect's of that file's name, or its only one.
    """
    known = tables_of(dialect)
    stem = schema.name.partition(".")[0]
    found = []
    for target in targets:
        table = target.name or (stem if stem in known or len(known) > 1 else known[0])
        spelling = read_spelling(dialect, table, target.schema)
        if spelling is None:
            found.append(target)
        else:
            own = with_missing(target.schema, spelling.dialect)
            found.append(replace(target, schema=own, spelling=spelling))
    if not any(target.spelling for target in found):
        problem = f"tables: it says nothing of {', '.join(t.name or stem for t in targets)}"
        raise ReleaseError("E121", file=str(dialect), problem=problem)
    return tuple(found)


def _package(path: Path) -> Sequence[Mapping[str, Any]] | None:
    """The resources of a data package; None where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None  # read_schema says what is wrong
    resources = found.get("resources") if isinstance(found, Mapping) else None
    if not isinstance(resources, list):
        return None
    named = [isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in resources]
    if not all(named):
        raise ReleaseError("E134", file=path.name, problem="each of its resources must have a name")
    return resources


def _resource(package: Path, resource: Mapping[str, Any]) -> Target:
    name, paths, schema = str(resource["name"]), resource.get("path", []), resource["schema"]
    listed = [paths] if isinstance(paths, str) else paths
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        problem = f"resource {name}: path must be a text or a list of texts"
        raise ReleaseError("E134", file=package.name, problem=problem)
    if isinstance(schema, str):
        if PurePosixPath(schema).is_absolute() or ".." in PurePosixPath(schema).parts:
            raise ReleaseError("E134", file=package.name, problem=f"unsafe path {schema}")
        schema = package.parent / schema
    elif not isinstance(schema, Mapping):
        problem = f"resource {name}: schema must be a path or an object"
        raise ReleaseError("E134", file=package.name, problem=problem)
    return Target(name, read_schema(schema), tuple(PurePosixPath(one).name for one in listed))
