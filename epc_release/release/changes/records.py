"""The lists of changes of one table, in order, from what its partitions left.

Grain: one row per record that the new release has and the old one had not so (added, changed or
moved), by new partition and row; and one per record that is gone, by old partition and row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from epc_release.release.changes.digests import ROW
from epc_release.release.changes.streams import (
    AT_PART,
    AT_ROW,
    FROM_PART,
    FROM_ROW,
    Streamed,
)
from epc_release.release.spill import Range, Spill, read_range
from epc_release.schemas.table import TableSchema

READ_ROWS = 1 << 15
KIND, COLUMNS, NEW_ROW = "change_kind", "change_columns", "change_new_row"
OLD_PARTITION, OLD_ROW = "change_old_partition", "change_old_row"
ADDED, CHANGED, MOVED, REMOVED = "added", "changed", "moved", "removed"

_KIND: dict[str, Any] = {
    "name": KIND,
    "type": "string",
    "description": "added; changed (change_columns says where); or moved: the same cells in another"
    " row of the same partition.",
    "constraints": {"required": True, "enum": [ADDED, CHANGED, MOVED]},
}
_COLUMNS: dict[str, Any] = {
    "name": COLUMNS,
    "type": "string",
    "description": "The columns that changed, with a space between; missing where none did.",
}
_NEW_ROW: dict[str, Any] = {
    "name": NEW_ROW,
    "type": "integer",
    "description": "Row in the new file of the record's partition, counted from 0.",
    "constraints": {"required": True},
}
_OLD_PARTITION: dict[str, Any] = {
    "name": OLD_PARTITION,
    "type": "string",
    "description": "Partition of the old release that the record was in.",
}
_OLD_ROW: dict[str, Any] = {
    "name": OLD_ROW,
    "type": "integer",
    "description": "Row in the old file of that partition, counted from 0; missing of added ones.",
}
OWN = (KIND, COLUMNS, OLD_PARTITION, OLD_ROW, NEW_ROW)


def records_schema(schema: TableSchema) -> TableSchema:
    """The schema of the list of records: what happened, then the record as it is now."""
    own = [_KIND, _COLUMNS, _OLD_PARTITION, _OLD_ROW, _NEW_ROW]
    return TableSchema({"fields": [*own, *(dict(field.descriptor) for field in schema.fields)]})


def removed_schema() -> TableSchema:
    """The schema of the list of what is gone: neither key nor reason."""
    row = {**_OLD_ROW, "constraints": {"required": True}}
    return TableSchema({"fields": [_OLD_PARTITION, row]})


def records(
    found: Mapping[int, Streamed], values: Sequence[str | None], names: Sequence[str]
) -> Iterator[tuple[pl.Series, pl.DataFrame]]:
    """(Position of each row's new partition, rows) of some windows at a time, in order.

    ``values`` are the partitions by position, ``names`` the columns of the table.
    """
    new = _by_window(spill for each in found.values() for spill in each.new)
    old = _by_window(spill for each in found.values() for spill in each.old)
    place = [AT_PART, AT_ROW]
    for windows in _together(new):
        rows = _read([piece for at in windows for piece in new[at]]).sort(place)
        pieces = [piece for at in windows for piece in old.get(at, ())]
        if pieces:
            before = _read(pieces).select(*place, *(pl.col(n).alias(f"{n}\0") for n in names))
            rows = rows.join(before, on=place, how="left", maintain_order="left")
            known = pl.col(FROM_PART).is_not_null()
            other = (
                pl.when(known & pl.col(name).ne_missing(pl.col(f"{name}\0"))).then(pl.lit(name))
                for name in names
            )
            changed = pl.concat_str(list(other), separator=" ", ignore_nulls=True)
        else:
            changed = pl.lit("")
        told = rows.select(changed.alias(COLUMNS), pl.all()).select(_told(values, names))
        yield rows[AT_PART], told


def _together(
    found: Mapping[tuple[int, int], Sequence[Range]],
) -> Iterator[list[tuple[int, int]]]:
    """Windows in order, so many that they have about ``READ_ROWS`` rows, one at least."""
    held: list[tuple[int, int]] = []
    rows = 0
    for at in sorted(found):
        held.append(at)
        rows += sum(piece.stop - piece.start for piece in found[at])
        if rows >= READ_ROWS:
            yield held
            held, rows = [], 0
    if held:
        yield held


def _told(values: Sequence[str | None], names: Sequence[str]) -> list[pl.Expr]:
    """The columns of the list."""
    added, columns = pl.col(FROM_PART).is_null(), pl.col(COLUMNS)
    return [
        pl.when(added)
        .then(pl.lit(ADDED))
        .when(columns == "")
        .then(pl.lit(MOVED))
        .otherwise(pl.lit(CHANGED))
        .alias(KIND),
        pl.when(columns != "").then(columns).alias(COLUMNS),
        _value(pl.col(FROM_PART), values).alias(OLD_PARTITION),
        pl.col(FROM_ROW).cast(pl.Int64).alias(OLD_ROW),
        pl.col(AT_ROW).cast(pl.Int64).alias(NEW_ROW),
        *(pl.col(name) for name in names),
    ]


def _value(position: pl.Expr, values: Sequence[str | None]) -> pl.Expr:
    """The partition at a position."""
    given = {at: value for at, value in enumerate(values) if value is not None}
    return position.replace_strict(given, default=None, return_dtype=pl.String)


def removed(
    found: Mapping[int, Streamed], values: Sequence[str | None]
) -> Iterator[tuple[int, pl.DataFrame]]:
    """(Position of the old partition, rows that are gone), in order."""
    for position in sorted(found):
        path = found[position].removed
        if path is not None:
            yield (
                position,
                read_range(path).select(
                    pl.lit(values[position], pl.String).alias(OLD_PARTITION),
                    pl.col(ROW).cast(pl.Int64).alias(OLD_ROW),
                ),
            )


def _by_window(spills: Iterator[Spill]) -> dict[tuple[int, int], list[Range]]:
    """Where the rows of each (partition, window) stand."""
    found: dict[tuple[int, int], list[Range]] = defaultdict(list)
    for spill in spills:
        for each in spill.slices:
            part, _, number = (each.label or "").partition(":")
            found[int(part), int(number)].append(Range(spill.path, each.start, each.stop))
    return found


def _read(pieces: Sequence[Range]) -> pl.DataFrame:
    return pl.concat([each.read() for each in pieces])
