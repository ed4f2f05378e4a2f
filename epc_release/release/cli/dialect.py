"""``dialect``: how an unknown file's columns would be read, and a dialect file that reads them."""

from __future__ import annotations

import re
from pathlib import Path

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.init import write_new
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="How an unknown file's columns would be read.",
    epilog="Next: edit FILE, then epc-release build --source PATH --dialect FILE",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--register",
    default="epc",
    show_default=True,
    metavar="NAME",
    help="The register whose tables the files may hold.",
)
@click.option("--table", metavar="TABLE", help="Take every file for this table of the register.")
@click.option(
    "--dialect",
    "dialects",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A dialect file to try beside the register's own; repeatable.",
)
@click.option("--encoding", metavar="NAME", help="Of CSV input, where the guess is wrong.")
@click.option(
    "--write",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a dialect to edit, for the headers that are not read yet.",
)
@JSON
def dialect(
    paths: tuple[str, ...],
    register: str,
    table: str | None,
    dialects: tuple[Path, ...],
    encoding: str | None,
    write: Path | None,
    json_output: bool,
) -> None:
    """Show how the columns of PATH would be read: a CSV, CSV.gz, Parquet, zip, folder or URI.

    For each distinct header: the nearest table and dialect and why it is not read as it is, what
    each column is (by exact, known or similar spelling; by its values), what is missing, and how
    the text is written. Only headers and the beginning of the data are looked at, and no value of a
    cell is ever printed.

    \b
    Examples:
      epc-release dialect returns/
      epc-release dialect sales.csv --register price-paid --write sales.toml
      epc-release dialect sales.csv --register price-paid --dialect sales.toml
    """
    from epc_release.release.dialect import draft, inspect, report
    from epc_release.schemas.extra import with_dialects
    from epc_release.schemas.load import load_register

    known = with_dialects(load_register(register), dialects)
    found = inspect(paths, known, table=table, encoding=encoding)
    made = draft(found, known, _name(write)) if write else None
    if write and made:
        write_new(write, made.text, 0o644)
    if json_output:
        as_json({**report.as_data(found), "written": made and {"file": write, **made.counts}})
        return
    result(report.as_text(found))
    if made:
        result(f"\nWrote {write}: {made}")


def _name(file: Path) -> str:
    """The name of the dialect in a file: that of the file, in small letters."""
    return re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "own"
