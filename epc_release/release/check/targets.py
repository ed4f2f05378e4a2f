"""What files are checked against: one Table Schema, or the tables of a data package."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.schemas.checks import Plan, compile_checks
from epc_release.schemas.read_schema import read_schema
from epc_release.schemas.table import TableSchema

_WITHIN = re.compile(r"[/!]")


@dataclass(frozen=True)
class Target:
    """A table: its ``name`` (empty where it is the only one) and schema.

    ``files`` are the last parts of the paths that a data package gives it.
    """

    name: str
    schema: TableSchema
    files: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """The compiled checks; raises E130 to E137."""
        return compile_checks(self.schema, exact=True)

    def holds(self, file: str) -> bool:
        """Whether a file of this name is of this table."""
        last = _WITHIN.split(file)[-1]
        return not self.name or last in self.files or last.partition(".")[0] == self.name


def read_targets(path: Path) -> tuple[Target, ...]:
    """The tables of a Table Schema or data package file.

    Raises E134 where it is neither and E130 to E137 for schemas that cannot be compiled.
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


def _package(path: Path) -> Sequence[Mapping[str, Any]] | None:
    """The resources of a data package; None where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None  # read_schema says what is wrong
    resources = found.get("resources") if isinstance(found, Mapping) else None
    if not isinstance(resources, list):
        return None
    named = [isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in resources]
    if not all(named):
        raise ReleaseError("E134", file=path.name, problem="each of its resources must have a name")
    return resources


def _resource(package: Path, resource: Mapping[str, Any]) -> Target:
    paths = resource.get("path", [])
    listed = [paths] if isinstance(paths, str) else list(paths)
    schema = resource["schema"]
    if isinstance(schema, str):
        if PurePosixPath(schema).is_absolute() or ".." in PurePosixPath(schema).parts:
            raise ReleaseError("E134", file=package.name, problem=f"unsafe path {schema}")
        schema = package.parent / schema
    files = tuple(PurePosixPath(str(one)).name for one in listed)
    return Target(str(resource["name"]), read_schema(schema), files)
