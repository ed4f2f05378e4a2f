"""Small releases of made-up tables, as folders that describe themselves: for tests of changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from epc_release.manifests.columns import arrow_schema, schema_id
from epc_release.manifests.content import csv_header, csv_lines
from epc_release.manifests.contents import WHOLE, Contents
from epc_release.manifests.described import Described, DescribedTable
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import DESCRIPTOR, part_path, partition_order
from epc_release.release.changes.folder import write_tables
from epc_release.release.told import Told
from epc_release.release.write.fragments import BLOCK_ROWS
from epc_release.release.write.parquet import open_part, to_arrow
from epc_release.schemas.table import TableSchema

DTYPES = {
    "string": pl.String,
    "number": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "datetime": pl.Datetime("us"),
}


@dataclass(frozen=True)
class Shape:
    """A table: types by column, key, and the column of its partitions."""

    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    partition: str | None = None
    inherited: tuple[str, ...] = ()
    parent: str | None = None

    @property
    def schema(self) -> TableSchema:
        fields = [{"name": name, "type": kind} for name, kind in self.columns.items()]
        return TableSchema(
            {"fields": fields, **({"primaryKey": list(self.key)} if self.key else {})}
        )

    @property
    def polars(self) -> dict[str, Any]:
        return {name: DTYPES[kind] for name, kind in self.columns.items()}


@dataclass(frozen=True)
class Small:
    """A release: rows of each table in the order in which its files have them."""

    name: str
    shapes: Mapping[str, Shape]
    rows: Mapping[str, Sequence[tuple[Any, ...]]] = field(default_factory=dict)
    register: str = "made-up"

    def write(self, root: Path) -> Path:
        """The release's folder below ``root``."""
        folder = root / self.name
        folder.mkdir(parents=True)
        tables = [
            table
            for name, rows in self.rows.items()
            if (table := _table(folder, name, self.shapes[name], rows)).files
        ]
        base = {
            "name": self.register,
            "epcRelease": {
                "register": self.register,
                "policy": {"name": "open"},
                "partial": False,
            },
        }
        raw = {DESCRIPTOR: json.dumps(base).encode()}
        told = Told("", self.name, "", "", "", False, Described("", (), ()), raw, {})
        write_tables(folder, told, self.name, f"created {self.name}", tables)
        return folder


def _table(
    folder: Path, name: str, shape: Shape, rows: Sequence[tuple[Any, ...]]
) -> DescribedTable:
    frame = pl.DataFrame(list(rows), schema=shape.polars, orient="row")
    values: list[str | None] = [None]
    if shape.partition:
        values = partition_order(frame[shape.partition].unique().to_list())
    parts = []
    for value in values:
        mine = frame
        if shape.partition:
            mine = frame.filter(pl.col(shape.partition).eq_missing(pl.lit(value, pl.String)))
        if len(mine):
            parts.append(_part(folder, part_path(name, shape.partition, value), shape, mine))
    return DescribedTable(
        name=name,
        schema=shape.schema,
        schema_id=schema_id(shape.schema),
        rows=len(frame),
        files=tuple(parts),
        partition=shape.partition,
        year=None,
        inherited=shape.inherited,
        parent=shape.parent,
        parent_key=(),
    )


def _part(folder: Path, path: str, shape: Shape, rows: pl.DataFrame) -> FileFacts:
    target = arrow_schema(shape.schema)
    names = tuple(name for name in shape.columns if name not in shape.inherited)
    contents = Contents(names, by_year=False)
    with open_part(folder, path, target) as part:
        for start in range(0, len(rows), BLOCK_ROWS):
            block = rows[start : start + BLOCK_ROWS]
            part.write(to_arrow(block, target))
            contents.add(None, csv_lines(block.select(names)), None)
    return part.facts(contents.at(WHOLE).sha256)


def content(folder: Path) -> dict[str, str]:
    """``content_sha256`` of every part, made anew from its rows."""
    told = json.loads((folder / DESCRIPTOR).read_bytes())
    found = {}
    for table in told["resources"]:
        inherited = table["epcRelease"]["inherited"]
        for file in table["files"]:
            rows = pl.read_parquet(folder / file["path"], hive_partitioning=False)
            kept = rows.drop(inherited)
            data = csv_header(tuple(kept.columns)) + csv_lines(kept).data.tobytes()
            found[file["path"]] = hashlib.sha256(data).hexdigest()
            assert file["content_sha256"] == found[file["path"]]
    return found
