"""Keys of a whole table: which they are, and the digests to check them with, out of core.

Rows in any number of chunks give their digests (``KeyCheck.digests``); whoever gathers them finds
copies and orphans. All rows that share a key are in conflict, the first as well. As in SQL, on
which the standard models its keys, a row takes part only where no column of the key is missing
(unique constraints; foreign keys with MATCH SIMPLE); missing parts of a primary key are errors of
their own (``required``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from epc_release.schemas.checks.keys import H1, H2, key_digest
from epc_release.schemas.table import Field, TableSchema

Kind = Literal["primary", "unique", "foreign"]


@dataclass(frozen=True)
class KeyCheck:
    """A key of a table. ``code`` is ``primary-key``, ``unique``, ``unique-key`` or ``foreign-key``.

    ``unique`` is the constraint of a field, ``unique-key`` one of ``uniqueKeys``. A foreign key has
    the name of the other ``resource`` (empty: this table itself) and its columns, the
    ``reference``; the others have None and none.
    """

    kind: Kind
    code: str
    columns: tuple[str, ...]
    resource: str | None = None
    reference: tuple[str, ...] = ()

    def digests(self, frame: pl.DataFrame, columns: Sequence[str] = ()) -> pl.DataFrame:
        """``h1`` and ``h2`` (UInt64) of each row that takes part, and its ``row`` (UInt32, from 0).

        ``columns`` are those of the key in ``frame`` (default: the key's own; give ``reference``
        for the other side of a foreign key). Both sides must have the same types.
        """
        names = list(columns or self.columns)
        whole = pl.all_horizontal(pl.col(names).is_not_null())
        rows = frame.select(whole.arg_true().alias("row")).get_column("row").cast(pl.UInt32)
        key = frame.select(names)
        if rows.len() < frame.height:
            key = key[rows]
        return key_digest(key).select(H1, H2, pl.lit(rows).alias("row"))


def table_keys(schema: TableSchema) -> tuple[KeyCheck, ...]:
    """The keys of a table: primary, unique (of fields, then ``uniqueKeys``), foreign.

    A unique key that has the primary key's columns is left out: it says nothing more.
    """
    primary = schema.primary_key
    unique = (
        *(("unique", (field.name,)) for field in schema.fields if _is_unique(field)),
        *(("unique-key", columns) for columns in schema.unique_keys),
    )
    return (
        *([KeyCheck("primary", "primary-key", primary)] if primary else []),
        *(KeyCheck("unique", code, key) for code, key in unique if set(key) != set(primary)),
        *(KeyCheck("foreign", "foreign-key", *foreign) for foreign in schema.foreign_keys),
    )


def _is_unique(field: Field) -> bool:
    return bool(field.constraints.get("unique"))
