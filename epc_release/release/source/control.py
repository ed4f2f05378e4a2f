"""The control file ``extract.json``: what the extract says of itself, and whether it holds.

Keys: ``version`` (1), ``register``, ``snapshot_time`` (RFC 3339 with offset), ``tables`` (by name:
``rows`` and ``files`` with ``path``, ``rows``, ``bytes``, ``sha256``); optional ``dialect``,
``synthetic`` and ``suppressions`` (``path``, ``as_of``, optional ``sha256``). Paths are relative to
the control file; size and hash are of files as stored; rows are of the one table in that file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release.source.location import Location, head
from epc_release.release.source.model import (
    Control,
    ControlFile,
    ControlSuppressions,
    ControlTable,
    FileDigest,
    Inventory,
    Part,
)
from epc_release.schemas.register import Register

NAME = "extract.json"

_LIMIT = 64 << 20  # bytes
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def read_control(
    location: Location, name: str, register: Register, resolve: Callable[[str], str]
) -> Control:
    """Reads and checks a control file; ``resolve`` turns its paths into keys of locations.

    Raises E240 (not as described above) and E244 (of another register).
    """
    try:
        content = json.loads(head(location, name, _LIMIT).decode("utf-8"), object_pairs_hook=_once)
        control = _control(content, name, resolve)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ReleaseError("E240", file=name, reason=why) from error
    if control.register != register.name:
        raise ReleaseError("E244", file=name, found=control.register, expected=register.name)
    for table in control.tables:
        if table not in {t.name for t in register.tables}:
            raise ReleaseError("E240", file=name, reason=f"{register.name} has no table {table}")
    return control


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _control(content: object, name: str, resolve: Callable[[str], str]) -> Control:
    found = _object(
        content,
        "the file",
        {"version", "register", "snapshot_time", "tables"},
        {"dialect", "synthetic", "suppressions"},
    )
    if found["version"] != 1 or isinstance(found["version"], bool):
        raise ValueError("version must be 1")
    tables = _object(found["tables"], "tables", set(), None)
    dialect = found.get("dialect")
    return Control(
        name=name,
        register=_typed(found["register"], str, "register"),
        dialect=None if dialect is None else _typed(dialect, str, "dialect"),
        synthetic=_typed(found.get("synthetic", False), bool, "synthetic"),
        snapshot_time=_time(found["snapshot_time"], "snapshot_time"),
        tables={table: _table(table, entry, resolve) for table, entry in tables.items()},
        suppressions=_suppressions(found.get("suppressions"), resolve),
    )


def _table(table: str, entry: object, resolve: Callable[[str], str]) -> ControlTable:
    found = _object(entry, table, {"rows", "files"}, set())
    files = tuple(_file(table, f, resolve) for f in _typed(found["files"], list, f"{table}.files"))
    rows = _count(found["rows"], f"{table}.rows")
    if rows != sum(file.rows for file in files):
        raise ValueError(f"{table}.rows is not the sum of the rows of its files")
    if len({file.key for file in files}) < len(files):
        raise ValueError(f"{table} lists a file twice")
    return ControlTable(rows, files)


def _file(table: str, entry: object, resolve: Callable[[str], str]) -> ControlFile:
    found = _object(entry, f"{table}.files", {"path", "rows", "bytes", "sha256"}, set())
    path = _path(found["path"])
    rows, size = _count(found["rows"], f"{path}: rows"), _count(found["bytes"], f"{path}: bytes")
    return ControlFile(resolve(path), path, rows, size, _hash(found["sha256"], path))


def _suppressions(entry: object, resolve: Callable[[str], str]) -> ControlSuppressions | None:
    if entry is None:
        return None
    found = _object(entry, "suppressions", {"path", "as_of"}, {"sha256"})
    path = _path(found["path"])
    sha256 = _hash(found["sha256"], path) if "sha256" in found else None
    as_of = _time(found["as_of"], "suppressions.as_of")
    return ControlSuppressions(path, resolve(path), as_of, sha256)


def _object(
    value: object, where: str, required: set[str], optional: set[str] | None
) -> dict[str, Any]:
    """A JSON object with these keys; ``optional`` None allows any other."""
    found: dict[str, Any] = _typed(value, dict, where)
    for key in sorted(required - found.keys()):
        raise ValueError(f"{where} lacks {key}")
    for key in [] if optional is None else sorted(found.keys() - required - optional):
        raise ValueError(f"{where} has an unknown key {key}")
    return found


def _typed(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be a JSON {_JSON_NAMES[kind]}")
    return value


_JSON_NAMES: Mapping[type, str] = {dict: "object", list: "array", str: "string", bool: "boolean"}


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{where} must be a whole number, 0 or more")
    return value


def _hash(value: object, where: str) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{where}: sha256 must be 64 lower-case hexadecimal digits")
    return value


def _path(value: object) -> str:
    steps = value.split("/") if isinstance(value, str) else []
    if not steps or "\\" in str(value) or any(step in ("", ".", "..") for step in steps):
        raise ValueError("a path must be relative, with / and without ..")
    return str(value)


def _time(value: object, where: str) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError(f"{where} must be a time like 2026-05-01T00:00:00+01:00")
    return datetime.fromisoformat(value.upper())


def as_told(control: Control, part: Part, register: Register) -> Part:
    """A part as of the dialect that the control file names, where that reads its header alike."""
    for dialect in register.dialects:
        if (dialect.dialect, dialect.table) == (control.dialect, part.table):
            spellings = {name.casefold(): our for name, our in dialect.columns.items()}
            pairs = zip(part.header, part.match.columns, strict=True)
            if all(spellings.get(name.strip().casefold()) == our for name, our in pairs):
                return replace(part, match=replace(part.match, dialect=dialect))
    return part


def check_files(control: Control, parts: Collection[Part]) -> None:
    """Every listed file is there with its size and dialect, and nothing else is (E241 to E244)."""
    listed = {(file.key, table): file for table, t in control.tables.items() for file in t.files}
    there = {(part.location.key, part.table) for part in parts}
    for (key, table), file in listed.items():
        if (key, table) not in there:
            raise ReleaseError("E241", file=control.name, path=file.path, table=table)
    for part in parts:
        found = listed.get((part.location.key, part.table))
        if found is None:
            raise ReleaseError("E242", file=part.name, control=control.name, table=part.table)
        _same(control, part.file, "bytes", found.bytes, part.location.size)
        dialect = part.match.dialect.dialect
        if control.dialect not in (None, dialect):
            raise ReleaseError("E244", file=part.name, found=dialect, expected=control.dialect)


def check_control(
    inventory: Inventory, digests: Mapping[str, FileDigest], rows: Mapping[str, int]
) -> None:
    """After all was read: hashes (by ``Part.file``) and records (by ``Part.name``) as listed.

    Without a control file there is nothing to check. Raises E243 naming the first file that
    differs. A part of no records need not stand in ``rows``.
    """
    control = inventory.control
    if control is None:
        return
    for table, entry in control.tables.items():
        for file in entry.files:
            parts = [p for p in inventory.of(table) if p.location.key == file.key]
            name = parts[0].file
            digest = digests.get(name)
            _same(control, name, "sha256", file.sha256, digest.sha256 if digest else "none")
            read = sum(rows.get(part.name, 0) for part in parts)
            _same(control, name, f"rows of {table}", file.rows, read)


def _same(control: Control, file: str, what: str, listed: object, found: object) -> None:
    if listed != found:
        raise ReleaseError(
            "E243", file=file, control=control.name, what=what, listed=listed, found=found
        )
