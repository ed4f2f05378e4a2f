"""``check``: what is wrong with a file, told to whoever provides it."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import click

from epc_release.release.cli.common import JSON, memory, scratch
from epc_release.release.cli.output import as_json, result

_OBJECTS = 50_000  # new ones between two looks for cycles, of which loading libraries makes none
_PROCESS = {  # what libraries must find when they are imported (docs/adr/0023)
    "POLARS_MAX_THREADS": "1",  # tasks share out the cores, threads within them only cost
    "ARROW_DEFAULT_MEMORY_POOL": "mimalloc",  # many small blocks of text leave no holes there
    "OPENBLAS_NUM_THREADS": "1",
}


@click.command(
    short_help="Any CSV or Parquet against any Table Schema.",
    epilog="Next: mend the rows that the report names; then epc-release plan --source PATH",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--schema",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="A Table Schema (v1 or v2), or a data package: then a file is checked as the resource that"
    " has its name, and foreign keys between them are checked.",
)
@click.option(
    "--dialect",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="How the files spell the schema's columns and missing values: a dialect, as `epc-release"
    " dialect --write` drafts them. Its table is the one of the schema file's name.",
)
@click.option("--encoding", metavar="NAME", help="Of CSVs that are not UTF-8.")
@memory("What all processes together stay below, whatever the number of rows; each needs 256 MiB.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes.  [default: 1 for small files, else all cores]",
)
@scratch("a private folder for unpacked chunks and fingerprints of keys")
@JSON
def check(
    paths: tuple[str, ...],
    schema: Path,
    dialect: Path | None,
    encoding: str | None,
    memory: int,
    jobs: int | None,
    work: Path | None,
    json_output: bool,
) -> None:
    """Check files, folders, globs, zips and S3 URIs against a Table Schema; issues as data.

    Reads everything once, in bounded memory. The report says what, where (file and physical line),
    how many and how to mend it; of each code and field at most ten places. No value of the data is
    ever printed. All rows that share a key are errors, the first as well.

    Exit code 0: no errors (there may be warnings); 3: errors; 2: a file, its encoding or the schema
    cannot be read.

    \b
    Examples:
      epc-release check returns/ --schema returns.schema.json
      epc-release check certificates.csv --schema certificates.schema.json --json
      epc-release check return.csv --schema returns.schema.json --dialect council.toml
    """
    gc.set_threshold(_OBJECTS)
    for name, value in _PROCESS.items():
        os.environ.setdefault(name, value)

    from epc_release.release import progress
    from epc_release.release.check import Request
    from epc_release.release.check import check as run

    request = Request(paths, schema, dialect, encoding, memory, jobs, work)
    report = run(request, progress.start())
    if json_output:
        as_json(report.as_dict())
    else:
        result(str(report))
    report.check()
