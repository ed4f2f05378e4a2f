"""``synth``: a synthetic extract to try everything with."""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="A synthetic extract, with all the quirks of a real one.",
    epilog="Next: epc-release plan --source OUT",
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    metavar="N",
    help="Certificates in all; recommendations come on top.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="S")
@click.option(
    "--register", default="epc", show_default=True, metavar="NAME", help="Of which register."
)
@click.option(
    "--dialect", metavar="NAME", help="A dialect of the register.  [default: its usual one]"
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "csv.gz", "zip", "parquet"]),
    default="csv",
    show_default=True,
)
@click.option(
    "--tables", multiple=True, metavar="TABLE", help="Only these; repeatable.  [default: all]"
)
@JSON
def synth(
    out: Path,
    rows: int,
    seed: int,
    register: str,
    dialect: str | None,
    file_format: str,
    tables: tuple[str, ...],
    json_output: bool,
) -> None:
    """Write a synthetic extract into OUT: a file a table, opt-outs, control file and canaries.

    The same options give the same bytes. No address in it is real.

    \b
    Examples:
      epc-release synth extract
      epc-release synth legacy --rows 1000000 --dialect legacy --tables domestic-certificates
    """
    from epc_release.release import progress
    from epc_release.release.synth import synthesise
    from epc_release.schemas.load import load_register

    with progress.start().stage("synth", unit="rows") as advance:
        report = synthesise(
            out,
            rows=rows,
            seed=seed,
            register=load_register(register),
            dialect=dialect,
            format=file_format,
            tables=tables or None,
            progress=lambda _, done: advance(done),
        )
    if json_output:
        as_json(report)
    else:
        lines = (f"{file.name}  {file.rows:,} rows" for file in report.files.values())
        result("\n".join([f"Synthetic extract of {register} in {out}:", *lines]))
