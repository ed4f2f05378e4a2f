"""``leaks``: is anything that the build withheld in the finished files?"""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.release.cli.common import JOBS, JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="Search a release for what was withheld.",
    epilog="Next: epc-release publish RELEASE --to URI",
)
@click.argument("release", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--state",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="DIR",
    help="The state folder of the build, where it keeps what it withheld.",
)
@click.option(
    "--canaries",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Further values that must not be there: a CSV with a column value, or a value a line.",
)
@JOBS
@JSON
def leaks(release: Path, state: Path, canaries: Path | None, jobs: int, json_output: bool) -> None:
    """Search every byte and every decoded cell of RELEASE, a folder that build made.

    Looked for: keys and other identifiers of records that are not published, values of identifying
    columns that are dropped or replaced by pseudonyms, suppressed cells, the secret key, canaries;
    as text, encoded or hashed, in names, cells, dictionaries, statistics, metadata, archives and
    between their members. Where pseudonyms were made, the key must be set as for the build.

    Exit code 4: do not publish these files. No value is ever printed.

    \b
    Examples:
      epc-release leaks releases/2026-03-31 --state epc-release-state
      epc-release leaks releases/2026-03-31 --state epc-release-state --canaries canaries.txt
    """
    from epc_release.release import progress
    from epc_release.release.execute import open_executor
    from epc_release.release.leaks.scan import scan

    executor = open_executor("local", jobs)
    try:
        private = state / release.resolve().name / "private"
        report = scan(release.resolve(), private, canaries, executor, progress.start())
    finally:
        executor.close()
    if json_output:
        as_json(report.as_dict())
    else:
        result(str(report))
    report.check()
