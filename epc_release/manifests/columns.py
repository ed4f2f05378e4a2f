"""The Arrow schema of published Parquet files, made from a Table Schema.

Parquet keeps decimal places, dates as dates and keys as text. Each column carries its description
and unit, the file the identity of its schema, and nothing else: what stands in the key-value
metadata of a published file is on an allow-list.
"""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa

from epc_release.schemas.table import Field, TableSchema

SCHEMA_KEY = b"epc_release.schema"
FILE_METADATA = frozenset({b"ARROW:schema", SCHEMA_KEY})
FIELD_METADATA = frozenset({b"description", b"unit", b"PARQUET:field_id"})

_TYPES: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "year": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
}


def arrow_schema(schema: TableSchema) -> pa.Schema:
    """The Arrow schema of a table: int64, float64, bool, date32, timestamp[us] or string."""
    return pa.schema(
        [_arrow_field(field) for field in schema.fields],
        metadata={SCHEMA_KEY: schema_id(schema).encode()},
    )


def schema_id(schema: TableSchema) -> str:
    """What tells two schemas apart: name and version where they have them, and a hash of all."""
    canonical = json.dumps(schema.descriptor, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    parts = [str(schema.descriptor[k]) for k in ("name", "version") if k in schema.descriptor]
    return "/".join([*parts, digest])


def _arrow_field(field: Field) -> pa.Field[pa.DataType]:
    told = {
        key: str(field.descriptor[key])
        for key in ("description", "unit")
        if key in field.descriptor
    }
    return pa.field(field.name, _TYPES.get(field.type, pa.string()), metadata=told or None)
