"""``publish``: a finished release to the place where readers find it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from epc_release.release.cli.output import as_json, result
from epc_release.release.log import LogFormat

if TYPE_CHECKING:
    from epc_release.release.publish.protocol import PublishReport


@click.command(
    short_help="Put a finished release where readers find it.",
    epilog="Next: epc-release verify URI/RELEASE --deep, as a reader would",
)
@click.argument("release", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", required=True, metavar="URI", help="A folder or s3://bucket/prefix.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say what would be sent, is there already, or stands in the way.",
)
@click.option("--allow-partial", is_flag=True, help="A partial release may be published.")
@click.option("--allow-synthetic", is_flag=True, help="A synthetic release may be published.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Of progress and logs.")
@click.option("--json", "json_output", is_flag=True, help="Print the result as JSON.")
def publish(
    release: Path, to: str, json_output: bool, log_format: LogFormat | None, **options: bool
) -> None:
    """Publish RELEASE, a folder that build made: its files, the descriptor last, then the pointers.

    What is public is never replaced: publishing the same bytes again changes nothing, and other
    bytes under the same id are refused (exit code 6). Credentials are those that boto3 knows
    (AWS_*); AWS_ENDPOINT_URL names another S3-compatible store.

    \b
    Examples:
      epc-release publish releases/2026-03-31 --to /srv/open-data/epc
      epc-release publish releases/2026-03-31 --to s3://bucket/epc --dry-run
    """
    report = send(release, to, log_format, **options)
    if json_output:
        as_json(report)
    else:
        result(report.summary())
    report.check()


def send(release: Path, to: str, log_format: LogFormat | None, **options: bool) -> PublishReport:
    """Verify a release folder and publish it; ``options`` are those of the protocol."""
    from epc_release.manifests.verify import verify
    from epc_release.release import progress
    from epc_release.release.publish import protocol

    return protocol.publish(
        release,
        to,
        verify=lambda folder: verify(folder).check(),
        progress=progress.start(log_format),
        **options,
    )
