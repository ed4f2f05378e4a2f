"""``diff``: what changed between two releases."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from epc_release.release.cli.common import JOBS, JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="What changed between two releases.",
    epilog="Next: epc-release apply OLD CHANGES --out DIR makes the new tables of the old ones",
)
@click.argument("old")
@click.argument("new")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the lists of changes and changes.json into this new folder.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Scratch space.  [default: the system's]",
)
@JOBS
@JSON
def diff(
    old: str, new: str, out: Path | None, work: Path | None, jobs: int, json_output: bool
) -> None:
    """Compare the releases OLD and NEW, folders or URIs of one register and policy.

    Told are, by table: records added, changed (in which columns), moved and removed. A record is
    known by the primary key of the published schema; a table without one has records added and
    removed only. Only partitions whose content_sha256 differ are read, in bounded memory.

    With --out the lists are written as Parquet and CSV: added and changed records as they are now,
    removed ones as partition and row of the old file alone.

    \b
    Examples:
      epc-release diff releases/2026-03-30 releases/2026-03-31
      epc-release diff https://host/epc/2026-03-30 releases/2026-03-31 --out changes
    """
    from epc_release.release import progress
    from epc_release.release.changes.run import difference
    from epc_release.release.execute import open_executor

    executor = open_executor("local", jobs)
    try:
        with tempfile.TemporaryDirectory(prefix="epc-release-diff-", dir=work) as scratch:
            report = difference(old, new, out, Path(scratch), executor, progress.start())
    finally:
        executor.close()
    if json_output:
        as_json(report.as_dict())
    else:
        result(str(report))
