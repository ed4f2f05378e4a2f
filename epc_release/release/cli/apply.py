"""``apply``: an old release and changes make the new one's tables."""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.release.cli.common import JOBS, JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="Old release + changes = new release.",
    epilog="Next: read DIR as a release; apply the next changes to it",
)
@click.argument("old")
@click.argument("changes", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="A new folder for the tables.",
)
@click.option("--parts", is_flag=True, help="OLD holds some partitions only: follow these.")
@JOBS
@JSON
def apply(
    old: str, changes: tuple[str, ...], out: Path, parts: bool, jobs: int, json_output: bool
) -> None:
    """Make the Parquet tables of a newer release of OLD and CHANGES, the oldest changes first.

    OLD is a release, what apply made, or with --parts some partitions that fetch brought. CHANGES
    are folders or URIs: of a release with changes since OLD, or a folder with changes.json. Of them
    only the lists are read. Every partition that is made is compared with the new release's
    content_sha256; exit code 7: nothing was kept.

    \b
    Examples:
      epc-release apply mine/monday https://host/epc/tuesday --out mine/tuesday
      epc-release apply mine/monday https://host/epc/tuesday https://host/epc/wednesday --out mine/w
    """
    from epc_release.release import progress
    from epc_release.release.changes.apply import apply as make
    from epc_release.release.execute import open_executor

    executor = open_executor("local", jobs)
    try:
        report = make(old, changes, out, executor, progress.start(), some=parts)
    finally:
        executor.close()
    if json_output:
        as_json(report)
    else:
        result(str(report))
