"""What de-identification costs its users, and what the recommendations add to the risk.

Builds the same extract under ``address-level`` and ``deidentified`` and runs the same analyses on
both releases. Prints a Markdown table: how far the de-identified answers are from the others.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from epc_release.release import pipeline
from epc_release.release.config import Settings
from epc_release.release.progress import Silent

HOMES, WORKS = "domestic-certificates", "domestic-recommendations"
MIDDLE = """
    CASE WHEN total_floor_area LIKE 'under%' THEN 15 WHEN total_floor_area LIKE '%over' THEN 300
    ELSE (split_part(total_floor_area, ' ', 1)::DOUBLE
          + split_part(total_floor_area, ' ', 4)::DOUBLE) / 2 END
"""


@dataclass(frozen=True)
class Analysis:
    """A published kind of analysis: ``value`` by ``by``, in ``unit``; ``weak`` is its form where
    the de-identified release has bands instead of numbers."""

    name: str
    by: str
    value: str
    unit: str
    weak: str = ""


ANALYSES = (
    Analysis("certificates", "local_authority, left(lodgement_date::VARCHAR, 4)", "count(*)", "%"),
    Analysis(
        "rated A to C", "local_authority",
        "100.0 * avg((current_energy_rating IN ('A', 'B', 'C'))::INT)", "points",
    ),
    Analysis("median score", "local_authority", "median(current_energy_efficiency)", "points"),
    Analysis("median score", "property_type, construction_age_band",
             "median(current_energy_efficiency)", "points"),
    Analysis("median score", "tenure", "median(current_energy_efficiency)", "points"),
    Analysis("mean heating cost", "local_authority", "avg(heating_cost_current)", "%"),
    Analysis("mean floor area", "property_type", "avg(total_floor_area)", "%", f"avg({MIDDLE})"),
    Analysis(
        "main fuel is gas", "local_authority",
        "100.0 * avg((main_fuel ILIKE '%gas%')::INT)", "points",
    ),
)  # fmt: skip
LEAST = 30  # records of a group that is compared


def built(source: Path, policy: str, folder: Path) -> Path:
    """One release of the extract under a policy."""
    listed = source / "suppressions.csv"
    settings = Settings(
        sources=(str(source),),
        suppressions=listed if listed.is_file() else None,
        policy=policy,
        release=policy,
        out=folder / "out",
        state=folder / "state" / policy,
    )
    return pipeline.build(settings, Silent()).path


def view(database: duckdb.DuckDBPyConnection, release: Path, name: str) -> None:
    """``name`` (certificates) and ``name_works`` (recommendations) of a release."""
    for suffix, table in (("", HOMES), ("_works", WORKS)):
        if (release / "parquet" / table).is_dir():
            files = f"{release}/parquet/{table}/*/*.parquet"
            database.execute(
                f"CREATE VIEW {name}{suffix} AS"
                f" FROM read_parquet('{files}', hive_partitioning = false, union_by_name = true)"
            )


def compare(database: duckdb.DuckDBPyConnection, analysis: Analysis) -> tuple[object, ...]:
    """Groups, mean and greatest difference between the two releases."""
    both = f"""
        WITH a AS (SELECT ({analysis.by}) AS g, {analysis.value} AS v, count(*) AS n
                   FROM exact GROUP BY ALL),
             b AS (SELECT ({analysis.by}) AS g, {analysis.weak or analysis.value} AS v
                   FROM told GROUP BY ALL)
        SELECT count(*), avg(d), max(d) FROM (
            SELECT abs(a.v - b.v) {"/ abs(a.v) * 100" if analysis.unit == "%" else ""} AS d
            FROM a JOIN b ON a.g IS NOT DISTINCT FROM b.g WHERE a.n >= {LEAST} AND a.v <> 0)
    """
    found = database.execute(both).fetchone()
    return found or (0, None, None)


def alone(database: duckdb.DuckDBPyConnection, *columns: str) -> float:
    """Share of certificates that no other equals in these columns and the recommendations."""
    names = ", ".join(columns)
    found = database.execute(f"""
        WITH advised AS (
            SELECT certificate_number,
                string_agg(improvement_id, ' ' ORDER BY improvement_id) AS ids
            FROM told_works GROUP BY ALL),
        joined AS (SELECT told.*, ids FROM told LEFT JOIN advised USING (certificate_number))
        SELECT avg((n = 1)::INT) FROM (
            SELECT count(*) OVER (PARTITION BY {names}) AS n FROM joined)
    """).fetchone()
    return float(found[0]) if found and found[0] is not None else 0.0


def main() -> None:
    """Build, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of an extract")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        for policy, name in (("address-level", "exact"), ("deidentified", "told")):
            view(database, built(given.source, policy, Path(folder)), name)
        print("| analysis | by | groups | mean difference | greatest |")
        print("|---|---|---|---|---|")
        for each in ANALYSES:
            groups, mean, most = compare(database, each)
            told = ["-" if value is None else f"{value:.2f} {each.unit}" for value in (mean, most)]
            by = each.by.replace("left(lodgement_date::VARCHAR, 4)", "year")
            print(f"| {each.name} | {by} | {groups} | {' | '.join(told)} |")
        key = [
            "local_authority",
            "lodgement_date",
            "property_type",
            "construction_age_band",
            "tenure",
        ]
        if (Path(folder) / "out" / "deidentified" / "parquet" / WORKS).is_dir():
            print(f"\nAlone by the keys of a neighbour: {alone(database, *key):.2%},")
            print(f"with their recommendations: {alone(database, *key, 'ids'):.2%}.")


if __name__ == "__main__":
    main()
