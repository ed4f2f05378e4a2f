"""``changes.json``: between which releases, what changed, and what each partition was and is.

It holds all that ``apply`` needs beside the old files, and is read back by someone who does not
trust it: paths are names below its own folder, hashes and counts are plain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from epc_release.manifests.described import DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import is_safe_path, part_path
from epc_release.schemas.table import TableSchema

FORMAT = 1
DOCUMENT = "changes.json"
SAME, CHANGED, REPLACED, GONE = "same", "changed", "replaced", "gone"


@dataclass(frozen=True)
class State:
    """A partition's file as far as its content goes."""

    path: str
    rows: int
    content_sha256: str


@dataclass(frozen=True)
class PartitionChange:
    """One partition before and after (None where it is not there), and how many records of it."""

    value: str | None
    before: State | None
    after: State | None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class TableChange:
    """One table: ``shape`` is what a descriptor says of it in the new release.

    Of one that is gone it is what the old one says. ``sorted_by`` is what its files say they are
    sorted by. ``records`` and ``removed`` are the lists (Parquet, then CSV), in order; ``why`` says
    why a table was replaced.
    """

    name: str
    status: str
    shape: Mapping[str, Any]
    partitions: tuple[PartitionChange, ...]
    columns: Mapping[str, int] = field(default_factory=dict)
    records: tuple[FileFacts, ...] = ()
    removed: tuple[FileFacts, ...] = ()
    why: str = ""
    sorted_by: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Added, changed, moved and removed records of the whole table."""
        found: dict[str, int] = {}
        for partition in self.partitions:
            for kind, count in partition.counts.items():
                found[kind] = found.get(kind, 0) + count
        return found


@dataclass(frozen=True)
class Changes:
    """From the release ``old`` to ``new`` (id and cut-off of each) of one register and policy."""

    register: str
    policy: str
    old: tuple[str, str]
    new: tuple[str, str]
    tables: tuple[TableChange, ...]


def shape(table: DescribedTable) -> dict[str, Any]:
    """What an equal table must have been described as."""
    return {
        "schema": dict(table.schema.descriptor),
        "schemaId": table.schema_id,
        "partition": table.partition,
        "year": table.year,
        "inherited": list(table.inherited),
        "parent": table.parent,
    }


def described(name: str, told: Mapping[str, Any], files: tuple[FileFacts, ...]) -> DescribedTable:
    """A table of that shape with these files."""
    return DescribedTable(
        name=name,
        schema=TableSchema(told["schema"]),
        schema_id=told["schemaId"],
        rows=sum(file.rows or 0 for file in files),
        files=files,
        partition=told["partition"],
        year=told["year"],
        inherited=tuple(told["inherited"]),
        parent=told["parent"],
        parent_key=(),
    )


def to_document(changes: Changes) -> dict[str, Any]:
    """The content of ``changes.json``."""
    return {
        "format": FORMAT,
        "register": changes.register,
        "policy": changes.policy,
        "from": dict(zip(("release", "created"), changes.old, strict=True)),
        "to": dict(zip(("release", "created"), changes.new, strict=True)),
        "tables": [_table(table) for table in changes.tables],
    }


def _table(table: TableChange) -> dict[str, Any]:
    return {
        "name": table.name,
        "status": table.status,
        **({"why": table.why} if table.why else {}),
        "counts": table.counts,
        "columns": dict(table.columns),
        "records": [_file(file) for file in table.records],
        "removed": [_file(file) for file in table.removed],
        "shape": dict(table.shape),
        "sortedBy": list(table.sorted_by),
        "partitions": [
            {
                "value": each.value,
                "before": vars(each.before) if each.before else None,
                "after": vars(each.after) if each.after else None,
                **({"counts": dict(each.counts)} if each.counts else {}),
            }
            for each in table.partitions
        ],
    }


def _file(file: FileFacts) -> dict[str, Any]:
    told = {"path": file.path, "bytes": file.bytes, "hash": f"sha256:{file.sha256}"}
    return {**told, "rows": file.rows}


def read_document(data: bytes) -> Changes:
    """Read ``changes.json``. Raises ValueError where it is not as ours are."""
    try:
        told = json.loads(data)
        if told["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return Changes(
            register=_text(told["register"]),
            policy=_text(told["policy"]),
            old=(_text(told["from"]["release"]), _text(told["from"]["created"])),
            new=(_text(told["to"]["release"]), _text(told["to"]["created"])),
            tables=tuple(_read_table(table) for table in told["tables"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is not as ours are") from error


def _read_table(told: Mapping[str, Any]) -> TableChange:
    found = described(_name(told["name"]), told["shape"], ())
    if not found.schema.names or found.partition not in (None, *found.schema.names):
        raise ValueError("a table without columns, or without that of its partitions")
    partitions = tuple(
        PartitionChange(
            value=None if each["value"] is None else _text(each["value"]),
            before=_state(each["before"]),
            after=_state(each["after"]),
            counts=_counts(each.get("counts", {})),
        )
        for each in told["partitions"]
    )
    if len({each.value for each in partitions}) != len(partitions):
        raise ValueError("a partition stands twice")
    for each in partitions:
        if each.after and each.after.path != part_path(found.name, found.partition, each.value):
            raise ValueError("a partition with a path that is not its own")
    if told["status"] not in (SAME, CHANGED, REPLACED, GONE):
        raise ValueError("a status that is not known")
    if told["status"] == SAME and not all(each.same for each in partitions):
        raise ValueError("a table that is the same and is not")
    return TableChange(
        name=found.name,
        status=told["status"],
        shape=told["shape"],
        partitions=partitions,
        columns=_counts(told["columns"]),
        records=tuple(_read_file(file) for file in told["records"]),
        removed=tuple(_read_file(file) for file in told["removed"]),
        why=_text(told.get("why", "")),
        sorted_by=tuple(_text(name) for name in told["sortedBy"]),
    )


def _counts(told: Mapping[str, Any]) -> dict[str, int]:
    return {_text(name): _count(count) for name, count in told.items()}


def _count(told: Any) -> int:
    if not isinstance(told, int) or told < 0:
        raise ValueError("a count that is none")
    return told


def _state(told: Any) -> State | None:
    if told is None:
        return None
    return State(_safe(told["path"]), _count(told["rows"]), _text(told["content_sha256"]))


def _read_file(told: Mapping[str, Any]) -> FileFacts:
    digest = _text(told["hash"]).removeprefix("sha256:")
    return FileFacts(_safe(told["path"]), _count(told["bytes"]), digest, _count(told["rows"]))


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError("no text")
    return told


def _name(told: Any) -> str:
    if "/" in _safe(told):
        raise ValueError("a table's name is a path")
    return str(told)


def _safe(told: Any) -> str:
    if not is_safe_path(told):
        raise ValueError("a path that is not safe")
    return str(told)
