"""A folder of tables that describes itself: what ``apply`` makes, to be read and followed on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epc_release.manifests.canonical import to_json, write_text
from epc_release.manifests.checksums import checksums
from epc_release.manifests.datapackage import PARQUET, PROFILE
from epc_release.manifests.described import DescribedTable
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, partition_value
from epc_release.release.told import Told

_SHARED = ("name", "title", "homepage", "licenses", "sources", "contributors", "keywords")


def write_tables(
    folder: Path, told: Told, release: str, created: str, tables: Sequence[DescribedTable]
) -> None:
    """Describe the Parquet parts in ``folder``: ``datapackage.json``, then ``SHA256SUMS``.

    What is no table's is told as the release ``told`` tells it.
    """
    base: dict[str, Any] = json.loads(told.raw[DESCRIPTOR])
    package = {
        "$schema": PROFILE,
        **{key: base[key] for key in _SHARED if key in base},
        "description": "Tables of a release, or some of their partitions, made of an earlier one"
        " and its changes.",
        "version": release,
        "created": created,
        "epcRelease": {
            **base["epcRelease"],
            "rows": {table.name: table.rows for table in tables},
        },
        "resources": [_resource(table) for table in tables],
    }
    descriptor = write_text(folder, DESCRIPTOR, to_json(package))
    parts = [file for table in tables for file in table.files]
    write_text(folder, CHECKSUMS, checksums([*parts, descriptor]))


def _resource(table: DescribedTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "type": "table",
        "path": [file.path for file in table.files],
        "format": "parquet",
        "mediatype": PARQUET,
        "schema": dict(table.schema.descriptor),
        "epcRelease": {
            "rows": table.rows,
            "partition": table.partition,
            "year": table.year,
            "inherited": list(table.inherited),
            "schemaId": table.schema_id,
            "parent": table.parent,
        },
        "files": [
            {
                "path": file.path,
                "bytes": file.bytes,
                "hash": f"sha256:{file.sha256}",
                "rows": file.rows,
                "content_sha256": file.content_sha256,
                "partition": {table.partition: partition_value(file.path)}
                if table.partition
                else {},
            }
            for file in table.files
        ],
    }
