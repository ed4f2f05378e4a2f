"""What a third party does with a release: one query with DuckDB, the same with polars."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import polars as pl


def main(release: Path) -> None:
    files = f"{release}/parquet/domestic-certificates/*/*.parquet"
    query = (
        "SELECT property_type, count(*) AS certificates,"
        " round(avg(current_energy_efficiency), 1) AS mean_score"
        f" FROM read_parquet('{files}') GROUP BY property_type ORDER BY certificates DESC"
    )
    print(f"DuckDB: {query}")
    print(duckdb.sql(query))
    rows = pl.scan_parquet(files, hive_partitioning=False).select(pl.len()).collect().item()
    print(f"polars: {rows} domestic certificates in the same files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
