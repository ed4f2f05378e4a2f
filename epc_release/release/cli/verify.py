"""``verify``: is this release whole, and what it says it is?"""

from __future__ import annotations

import click

from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="Check a release, local or remote.",
    epilog="Next: epc-release publish RELEASE --to URI; readers may now use the files",
)
@click.argument("release")
@click.option("--deep", is_flag=True, help="Read every row, too.")
@click.option("--json", "json_output", is_flag=True, help="Print the result as JSON.")
def verify(release: str, deep: bool, json_output: bool) -> None:
    """Check RELEASE, a folder or URI: paths, descriptor, checksums, counts, schemas.

    With --deep every row is read: keys, constraints, and that CSV and Parquet hold the same. It
    needs nothing but the release. Exit code 7: do not use these files.

    \b
    Examples:
      epc-release verify releases/2026-03-31
      epc-release verify s3://bucket/epc/2026-03-31 --deep
    """
    from epc_release.manifests.verify import verify as check
    from epc_release.release.publish.reader import open_reader

    report = check(open_reader(release), deep=deep)
    if json_output:
        as_json(report.as_dict())
    else:
        result(str(report))
    report.check()
