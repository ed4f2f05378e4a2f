"""Are the tables of counts what the descriptor says, and the same as CSV and as Parquet?"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow.parquet as pq

from epc_release.manifests.content import csv_header, csv_lines
from epc_release.manifests.described import Described, DescribedAggregate
from epc_release.manifests.inspect import DAMAGE, inspect_part
from epc_release.manifests.reader import Reader
from epc_release.manifests.report import Finding
from epc_release.schemas.checks import compile_checks


def inspect_counted(reader: Reader, described: Described, sound: set[str]) -> Iterator[Finding]:
    """Every table of counts of which both files are ``sound``; they are small and read whole."""
    for table in described.counted:
        if table.form == "parquet" and table.file.path in sound:
            with reader.open(table.file.path) as file:
                wrong = list(inspect_part(file, table.file, table))
            yield from wrong
            if not wrong:
                yield from _rows(reader, described, table, sound)


def _rows(
    reader: Reader, described: Described, table: DescribedAggregate, sound: set[str]
) -> Iterator[Finding]:
    """The values of the Parquet file by the schema, and the text of the CSV by the values."""
    try:
        with reader.open(table.file.path) as file:
            frame = pl.from_arrow(pq.ParquetFile(file).read())
        if not isinstance(frame, pl.DataFrame):
            raise TypeError("a file holds a table")
        text = csv_header(table.schema.names) + csv_lines(frame).data.tobytes()
    except DAMAGE:
        yield Finding("E715", table.file.path, {"kind": "Parquet with canonical values"})
        return
    for found in compile_checks(table.schema).run(frame):
        if found.severity == "error":
            rows = ", ".join(str(row + 1) for row in found.rows) or "all"
            told = {"column": found.field, "check": found.code, "count": found.count, "rows": rows}
            yield Finding("E710", table.file.path, told)
    for other in described.aggregates:
        if f"{other.name}-parquet" == table.name and other.file.path in sound:
            with reader.open(other.file.path) as file:
                if file.read() != text:
                    problem = {"problem": f"its rows are not those of {table.file.path}"}
                    yield Finding("E716", other.file.path, problem)
