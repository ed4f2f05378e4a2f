"""Lines that read a table in other people's tools; paths are relative to the release."""

from __future__ import annotations

from dataclasses import dataclass

from epc_release.manifests.facts import TableFacts


@dataclass(frozen=True)
class Recipe:
    """One tool and the line for it."""

    tool: str
    code: str


def recipes(table: TableFacts) -> list[Recipe]:
    """How to read a whole table. Partition columns also stand in the files, so the folders' names
    need no reading.

    R: ``arrow``'s ``open_dataset`` (argument ``hive_style``).
    """
    folder = f"parquet/{table.name}"
    files = f"{folder}/**/*.parquet"
    return [
        Recipe("DuckDB", f"FROM read_parquet('{files}', hive_partitioning = false);"),
        Recipe(
            "Polars",
            "import polars as pl\n\n"
            f'pl.scan_parquet("{files}", hive_partitioning=False).head().collect()',
        ),
        Recipe(
            "pandas",
            f'import pandas as pd\n\npd.read_parquet("{folder}", partitioning=None)',
        ),
        Recipe("R", f'library(arrow)\n\nopen_dataset("{folder}", hive_style = FALSE)'),
    ]


def download_recipe(paths: list[str]) -> str:
    """How to download and check some files with curl and sha256sum; ``RELEASE`` is the address."""
    lines = [
        "RELEASE=https://...",
        'curl --fail --location --remote-name "$RELEASE/SHA256SUMS"',
        *(
            f'curl --fail --location --create-dirs --output "{path}" "$RELEASE/{path}"'
            for path in paths
        ),
        "sha256sum --check --ignore-missing SHA256SUMS",
    ]
    return "\n".join(lines)
