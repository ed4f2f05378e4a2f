"""``risk``: how much a file discloses of the records in it."""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.errors import ReleaseError
from epc_release.release.cli.common import JSON, memory, scratch
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="Disclosure risk of any CSV or Parquet: k, l, t and more.",
    epilog="Next: declare key sets in a policy ([[risk]]; docs/policies/language.md)",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--keys",
    metavar="A,B,C",
    help="The quasi-identifiers: columns that somebody may know of a record."
    "  [default: of a release, each of the key sets that it declares]",
)
@click.option(
    "--all-columns",
    is_flag=True,
    help="Instead of --keys: all columns that have no other role, together.",
)
@click.option(
    "--sensitive",
    multiple=True,
    metavar="COLUMN",
    help="What must not be learnt of a record; repeatable. Gives l, alpha, t, beta and delta.",
)
@click.option(
    "--ordered",
    multiple=True,
    metavar="COLUMN",
    help="A sensitive column whose values have an order though they are texts: t is the earth"
    " mover's distance, as it is for numbers and dates, not the total variation.",
)
@click.option(
    "--unit",
    metavar="COLUMN",
    help="Count distinct values of this column (such as uprn) in a class, not rows; all rows of a"
    " class without one count as one.",
)
@click.option(
    "--k",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="The threshold of rows_below_k.",
)
@click.option(
    "--partition",
    metavar="COLUMN",
    help="A key as well (paths tell it); the worst partition is told.",
)
@click.option("--table", metavar="TABLE", help="Of a release, where PATH is one.")
@click.option("--encoding", metavar="NAME", help="Of CSVs that are not UTF-8.")
@memory("What the process stays below; rows that do not fit go to private files.")
@scratch("a private folder for these")
@JSON
def risk(
    paths: tuple[str, ...],
    keys: str | None,
    all_columns: bool,
    sensitive: tuple[str, ...],
    ordered: tuple[str, ...],
    unit: str | None,
    k: int,
    partition: str | None,
    table: str | None,
    encoding: str | None,
    memory: int,
    work: Path | None,
    json_output: bool,
) -> None:
    """Measure files, folders, globs, zips, S3 URIs or a release as one table.

    Records alike in all keys are an equivalence class. A missing value (CSV: nothing between the
    commas) is a category of its own, and one value more of a sensitive column. Of CSV, keys are
    compared as they are written, and a sensitive column of nothing but numbers is one of numbers.
    Everything is exact, whatever the order of rows; values that are too many to be remembered are
    told apart by 128 bits. Measures of a sample say little of the whole.

    entropy_l is the exponential of the entropy as it is: pyCANON rounds it down.

    \b
    Examples:
      epc-release risk releases/2026-03-31
      epc-release risk certificates.csv --keys postcode,property_type --sensitive rating
      epc-release risk releases/2026-03-31 --table domestic-certificates \\
          --keys local_authority,property_type --unit uprn --partition local_authority --json
    """
    from epc_release.release import progress
    from epc_release.release.risk import Request, measure, measure_declared

    if keys is not None and all_columns:
        raise ReleaseError("E102", where="--keys", problem="give either --keys or --all-columns")
    declared = keys is None and not all_columns
    if declared and (sensitive or ordered or unit or partition):
        problem = "is asked of the keys: give --keys or --all-columns too"
        raise ReleaseError("E102", where="--sensitive, --unit or --partition", problem=problem)
    named = tuple(name.strip() for name in (keys or "").split(",") if name.strip())
    if keys is not None and not named:
        raise ReleaseError("E102", where="--keys", problem="no column is named")
    request = Request(
        paths, named, sensitive, ordered, unit, partition, k, memory, table, encoding, work
    )
    report = (measure_declared if declared else measure)(request, progress.start())
    if json_output:
        as_json(report.as_dict())
    else:
        result(str(report))
