"""A descriptor read back, by someone who has no reason to trust it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from epc_release.manifests.datapackage import PROFILE
from epc_release.manifests.facts import ArchiveFacts, FileFacts, MemberFacts
from epc_release.manifests.layout import is_safe_path
from epc_release.schemas.table import TableSchema

_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_KINDS = ("partition", "year", "all")
T = TypeVar("T")


@dataclass(frozen=True)
class DescribedTable:
    """A Parquet resource; ``partition``, ``year`` and ``inherited`` are as in ``TableFacts``.

    ``parent_key`` are the columns that refer to the parent's primary key, if there is one.
    """

    name: str
    schema: TableSchema
    schema_id: str
    rows: int
    files: tuple[FileFacts, ...]
    partition: str | None
    year: str | None
    inherited: tuple[str, ...]
    parent: str | None
    parent_key: tuple[str, ...]

    @property
    def csv_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.schema.names if name not in self.inherited)


@dataclass(frozen=True)
class DescribedAggregate:
    """A table of counts beside the records: one of its two files, ``form`` is csv or parquet."""

    name: str
    form: str
    schema: TableSchema
    schema_id: str
    file: FileFacts


@dataclass(frozen=True)
class DescribedChange:
    """A file of what changed since the release ``since``; a list in Parquet has a schema.

    ``partition`` is the column of its table's partitions.
    """

    name: str
    since: str
    table: str | None
    kind: str
    file: FileFacts
    partition: str | None = None
    schema: TableSchema | None = None
    schema_id: str = ""


@dataclass(frozen=True)
class Described:
    """What a descriptor says of a release's files."""

    release: str
    tables: tuple[DescribedTable, ...]
    archives: tuple[ArchiveFacts, ...]
    documents: tuple[FileFacts, ...] = ()
    counted: tuple[DescribedAggregate, ...] = ()
    changes: tuple[DescribedChange, ...] = ()

    @property
    def aggregates(self) -> tuple[DescribedAggregate, ...]:
        """The tables of counts, each once."""
        return tuple(each for each in self.counted if each.form == "csv")

    @property
    def files(self) -> dict[str, FileFacts]:
        """Every data file by its path."""
        parts = [part for table in self.tables for part in table.files]
        others = [each.file for each in self.counted]
        others += [each.file for each in self.changes]
        return {f.path: f for f in (*parts, *others, *self.archives, *self.documents)}


def read_descriptor(data: bytes) -> Described:
    """Read ``datapackage.json``. Raises ValueError, saying where, if it is not as ours are."""
    try:
        told = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(told, dict):
        raise ValueError("it is no object")
    if told.get("$schema") != PROFILE:
        raise ValueError(f"$schema is not {PROFILE}")
    resources = _get(told, "resources", list)
    listed = [r for r in resources if isinstance(r, dict)]
    counted = [_aggregate(r) for r in listed if _is(r, "aggregate")]
    changes = [_change(r) for r in listed if _is(r, "changes")]
    rest = [r for r in listed if not _is(r, "aggregate") and not _is(r, "changes")]
    tables = [_table(r) for r in rest if r.get("type") == "table"]
    others = [r for r in rest if r.get("type") != "table"]
    archives = [_archive(r) for r in others if not _is(r, "document")]
    documents = [_document(r) for r in others if _is(r, "document")]
    found = Described(
        _get(told, "version", str),
        tuple(tables),
        tuple(archives),
        tuple(documents),
        tuple(counted),
        tuple(changes),
    )
    names = [_get(resource, "name", str) for resource in resources]
    if not names or len(set(names)) != len(names):
        raise ValueError("names of resources are missing or stand twice")
    single = len(others) + len(counted) + len(changes)
    if len(found.files) != sum(len(t.files) for t in tables) + single:
        raise ValueError("a path stands in two resources")
    return found


def _get(told: object, key: str, kind: type[T]) -> T:
    value = told.get(key) if isinstance(told, Mapping) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{key} is missing or no {kind.__name__}")
    return value


def _text(told: Mapping[str, Any], key: str) -> str | None:
    return None if told.get(key) is None else _get(told, key, str)


def _table(told: Mapping[str, Any]) -> DescribedTable:
    files = tuple(_file(file) for file in _get(told, "files", list))
    if [file.path for file in files] != _get(told, "path", list) or not files:
        raise ValueError(f"{told.get('name')}: files and path differ")
    own = _get(told, "epcRelease", dict)
    schema, parent = _schema(_get(told, "schema", dict)), _text(own, "parent")
    if _text(own, "partition") not in (None, *schema.names):
        raise ValueError(f"{told.get('name')}: the partition column is no column of the table")
    return DescribedTable(
        name=_get(told, "name", str),
        schema=schema,
        schema_id=_get(own, "schemaId", str),
        rows=_get(own, "rows", int),
        files=files,
        partition=_text(own, "partition"),
        year=_text(own, "year"),
        inherited=tuple(str(name) for name in _get(own, "inherited", list)),
        parent=parent,
        parent_key=_parent_key(schema, parent),
    )


def _schema(told: dict[str, Any]) -> TableSchema:
    fields = _get(told, "fields", list)
    names = [_get(field, "name", str) for field in fields]
    if not names or len(set(names)) != len(names):
        raise ValueError("names of fields are missing or stand twice")
    if not set(_columns(told.get("primaryKey", []))) <= set(names):
        raise ValueError("the primary key is of no columns of the table")
    return TableSchema(told)


def _columns(told: object) -> tuple[str, ...]:
    """A key's columns: one name or a list of names."""
    columns = [told] if isinstance(told, str) else told
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ValueError("a key is no list of columns")
    return tuple(columns)


def _parent_key(schema: TableSchema, parent: str | None) -> tuple[str, ...]:
    told = schema.descriptor.get("foreignKeys", [])
    if not isinstance(told, list):
        raise ValueError("foreignKeys is no list")
    for key in told:
        if parent is not None and _get(key, "reference", dict).get("resource") == parent:
            columns = _columns(key.get("fields"))
            if set(columns) <= set(schema.names):
                return columns
            raise ValueError("a foreign key is of no columns of the table")
    return ()


def _file(told: object) -> FileFacts:
    content = _get(told, "content_sha256", str)
    return FileFacts(
        _path(told), _get(told, "bytes", int), _sha256(told), _get(told, "rows", int), content
    )


def _is(told: Mapping[str, Any], kind: str) -> bool:
    return _get(told, "epcRelease", dict).get("kind") == kind


def _aggregate(told: Mapping[str, Any]) -> DescribedAggregate:
    own = _get(told, "epcRelease", dict)
    form, rows = _get(told, "format", str), _get(own, "rows", int)
    if form not in ("csv", "parquet"):
        raise ValueError(f"{told.get('name')}: a table of counts of a form that is not known")
    return DescribedAggregate(
        name=_get(told, "name", str),
        form=form,
        schema=_schema(_get(told, "schema", dict)),
        schema_id=_get(own, "schemaId", str),
        file=FileFacts(_path(told), _get(own, "bytes", int), _sha256(told), rows),
    )


def _change(told: Mapping[str, Any]) -> DescribedChange:
    own = _get(told, "epcRelease", dict)
    table = told.get("type") == "table"
    rows = None if own.get("rows") is None else _get(own, "rows", int)
    return DescribedChange(
        name=_get(told, "name", str),
        since=_get(own, "since", str),
        table=_text(own, "table"),
        kind=_get(own, "list", str),
        partition=_text(own, "partition"),
        file=FileFacts(_path(told), _get(own, "bytes", int), _sha256(told), rows),
        schema=_schema(_get(told, "schema", dict)) if table else None,
        schema_id=_get(own, "schemaId", str) if table else "",
    )


def _document(told: Mapping[str, Any]) -> FileFacts:
    return FileFacts(_path(told), _get(told, "bytes", int), _sha256(told))


def _archive(told: Mapping[str, Any]) -> ArchiveFacts:
    own = _get(told, "epcRelease", dict)
    kind = _get(own, "kind", str)
    if kind not in _KINDS:
        raise ValueError(f"{told.get('name')}: an archive of a kind that is not known")
    return ArchiveFacts(
        _path(told),
        _get(told, "bytes", int),
        _sha256(told),
        kind=kind,
        value=_text(own, "value"),
        members=tuple(_member(member) for member in _get(own, "members", list)),
    )


def _member(told: Mapping[str, Any]) -> MemberFacts:
    return MemberFacts(
        _get(told, "name", str),
        _get(told, "table", str),
        _get(told, "rows", int),
        _get(told, "bytes", int),
        _text(told, "year"),
    )


def _path(told: object) -> str:
    path = _get(told, "path", str)
    if not is_safe_path(path):
        raise UnsafePathError(path)
    return path


def _sha256(told: object) -> str:
    match = _HASH.fullmatch(_get(told, "hash", str))
    if match is None:
        raise ValueError("hash is no sha256")
    return match[1]


class UnsafePathError(ValueError):
    """A path that may not be used, whatever stands there."""
