"""A Parquet part: every decoded value, and all that the format says of values beside them."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from epc_release.anonymise.leaks.documents import phrases
from epc_release.anonymise.leaks.finding import STRUCTURE, VALUE
from epc_release.anonymise.leaks.footers import Chunk, dissect
from epc_release.manifests.columns import FIELD_METADATA, FILE_METADATA, SCHEMA_KEY, arrow_schema
from epc_release.manifests.described import DescribedAggregate, DescribedChange, DescribedTable
from epc_release.manifests.inspect import DAMAGE
from epc_release.manifests.issues import SCHEMA as ISSUES_SCHEMA
from epc_release.manifests.layout import ISSUES, partition_value
from epc_release.release.leaks.private import Private
from epc_release.release.leaks.rebuild import rebuilt, same_writer, texts
from epc_release.release.write.fragments import BLOCK_ROWS

Found = tuple[str, str, str]  # layer, kind, what
_MOST_CELLS = 10**7  # whole numbers below it are too short to be an identifier's
_INTEGERS = (pa.int64(), pa.int32())


class Part:
    """The bytes of a part, and the table of the descriptor that it belongs to."""

    def __init__(
        self,
        path: str,
        described: DescribedTable | DescribedAggregate | DescribedChange | None,
        data: bytes,
        private: Private,
    ) -> None:
        self._path, self._data, self._private = path, data, private
        self._table = described if isinstance(described, DescribedTable) else None
        self._change = described if isinstance(described, DescribedChange) else None
        self._schema = ISSUES_SCHEMA if path == ISSUES else None
        if described is not None and described.schema is not None:
            self._schema = arrow_schema(described.schema).with_metadata(
                {SCHEMA_KEY: described.schema_id.encode()}
            )
        self._known: Collection[str] = self._schema.names if self._schema else ()

    def findings(self) -> Iterator[Found]:
        """Values that must not be there, then what could hide one."""
        try:
            file = pq.ParquetFile(io.BytesIO(self._data))
            table = file.read()
            equal = self._equal(file, table)
        except DAMAGE as error:
            yield "file", STRUCTURE, f"it cannot be read ({type(error).__name__})"
            table, equal = pa.table({}), False
        yield from self._values(table)
        yield from self._partition(table)
        if equal:
            return
        found = list(self._beside(table))
        yield from found
        if not found:
            yield "file", STRUCTURE, "its bytes are not those that its rows and the descriptor give"

    def _equal(self, file: pq.ParquetFile, table: pa.Table) -> bool:
        """Whether the file holds what its rows give, and nothing else."""
        if self._schema is None or not same_writer(file):
            return False
        try:
            block = BLOCK_ROWS if self._table or self._change else max(table.num_rows, 1)
            return rebuilt(self._path, file, table, self._schema, block) == self._data
        except DAMAGE:
            return False

    def _values(self, table: pa.Table) -> Iterator[Found]:
        """Every value of every column."""
        distinct = {
            self._name(i, name): texts(table.column(i)) for i, name in enumerate(table.column_names)
        }
        text = "\n".join(value for values in distinct.values() for value in values)
        if next(self._private.needles.found(text.encode()), None) is not None:
            for name, values in distinct.items():
                layer = f"column {name}, values"
                yield from self._search(layer, "\n".join(values).encode())
        for i, (name, values) in enumerate(distinct.items()):
            if table.schema.types[i] in (pa.string(), *_INTEGERS):
                for source, count in self._private.digests.found(values, name):
                    what = f"{source} ({count} distinct, as whole cells)"
                    yield f"column {name}, values", VALUE, what

    def _partition(self, table: pa.Table) -> Iterator[Found]:
        """The folder's value must be that of the rows; none of its starred cells may stand."""
        if self._change is not None:
            yield from self._changed(table, self._change)
        described = self._table
        if described is None:
            return
        value = partition_value(self._path)
        if not table.num_rows:
            yield "file", STRUCTURE, "it has no rows, so its folder tells a value that nobody has"
        elif described.partition in table.column_names and (
            set(texts(table.column(described.partition))) != {value} - {None}
        ):
            yield "name", STRUCTURE, "its folder tells a value that its rows do not have"
        yield from self._starred(table, described.name, value)

    def _changed(self, table: pa.Table, change: DescribedChange) -> Iterator[Found]:
        """A list of records holds those of many partitions."""
        if change.partition not in table.column_names:
            yield from self._starred(table, change.table or "", None)
            return
        places = pl.Series(table.column(change.partition))
        for value in places.unique(maintain_order=True):
            mine = places.eq_missing(pl.Series([value], dtype=places.dtype)).arg_true()
            yield from self._starred(table.take(mine.to_arrow()), change.table or "", value)

    def _starred(self, table: pa.Table, name: str, value: str | None) -> Iterator[Found]:
        """None of the starred cells of a partition may stand in its rows."""
        starred = self._private.starred.filter(table=name, partition="" if value is None else value)
        for (column,), cells in starred.group_by("column", maintain_order=True):
            if column in table.column_names:
                count = texts(table.column(str(column))).is_in(cells["value"].implode()).sum()
                if count:
                    yield f"column {column}, values", VALUE, f"a suppressed cell ({count} distinct)"

    def _beside(self, table: pa.Table) -> Iterator[Found]:
        """What stands in the file beside the values of its rows."""
        found = dissect(self._data, self._known)
        for layer, problem in found.problems:
            yield layer, STRUCTURE, problem
        yield from self._metadata(found.metadata)
        for i, chunk in enumerate(found.chunks):
            yield from self._search(f"{chunk.layer}, pages", b"\n".join(chunk.pages))
            column = i % max(table.num_columns, 1)
            if table.num_columns:
                yield from self._claims(chunk, _plain(table.column(column)))

    def _claims(self, chunk: Chunk, published: set[bytes]) -> Iterator[Found]:
        for what, values in chunk.claims.items():
            layer = f"{chunk.layer}, {what}"
            if extra := values - published:
                yield layer, STRUCTURE, f"it has {len(extra)} values that no row has"
                yield from self._search(layer, b"\n".join(extra))
                words = (value.decode("utf-8", "replace") for value in extra)
                yield from self._cells(layer, words, chunk.column)

    def _metadata(self, metadata: dict[bytes, bytes]) -> Iterator[Found]:
        if extra := len(metadata.keys() - FILE_METADATA):
            yield "key-value metadata", STRUCTURE, f"it has {extra} keys that are not on the list"
        held = b"\n".join([*metadata.keys(), *metadata.values()]).decode("utf-8", "replace")
        yield from self._cells("key-value metadata", phrases(held), "")
        try:
            schema = pq.ParquetFile(io.BytesIO(self._data)).schema_arrow
        except DAMAGE:
            return
        keys = {key for field in schema for key in field.metadata or {}}
        if keys - FIELD_METADATA or set(schema.metadata or {}) - FILE_METADATA:
            yield "ARROW:schema", STRUCTURE, "it has metadata that are not on the list"
        if set(schema.names) - set(self._known):
            yield "ARROW:schema", STRUCTURE, "it has columns that the descriptor does not have"
        elif self._schema is not None and not schema.equals(self._schema, check_metadata=True):
            yield "ARROW:schema", STRUCTURE, "it is not the schema of the descriptor"
        yield from self._cells(
            "ARROW:schema", phrases(schema.to_string(truncate_metadata=False)), ""
        )

    def _search(self, layer: str, data: bytes) -> Iterator[Found]:
        hits = {(hit.source, hit.form): None for hit in self._private.needles.found(data)}
        for source, form in hits:
            yield layer, VALUE, f"{source} ({form})"

    def _cells(self, layer: str, words: Iterable[str], field: str) -> Iterator[Found]:
        cells = pl.Series(list(words), dtype=pl.String)
        for source, count in self._private.digests.found(cells, field):
            yield layer, VALUE, f"{source} ({count} distinct, as whole cells)"

    def _name(self, position: int, name: str) -> str:
        """A column's name where the descriptor has it, for it could tell something, too."""
        return name if name in self._known else f"number {position}"


def _plain(column: pa.ChunkedArray[Any]) -> set[bytes]:
    """The distinct values as Parquet's PLAIN encoding has them in statistics and dictionaries."""
    values = pl.Series(column).drop_nulls().unique()
    if values.dtype == pl.String:
        return {value.encode() for value in values}
    if values.dtype == pl.Boolean:
        return {bytes([value]) for value in values}
    array = values.to_physical().to_numpy()
    if array.dtype == np.float64:
        zeros = np.array([0.0, -0.0]) if (array == 0).any() else array[:0]
        array = np.concatenate([array, zeros])
    return {item.tobytes() for item in array}
