"""``publish``: a finished release to the place where readers find it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result
from epc_release.release.cli.place import (
    APPROVERS,
    CONFIG,
    EXPIRY,
    NOT_BEFORE,
    PROMOTION,
    STATE,
    TO,
    rules_of,
    seal_of,
    settings_of,
    target,
)
from epc_release.release.config import Settings

if TYPE_CHECKING:
    from epc_release.release.publish.protocol import PublishReport


@click.command(
    short_help="Put a finished release where readers find it.",
    epilog="Next: epc-release promote ID --to URI where it says so; then epc-release verify"
    " URI/RELEASE --deep, as a reader would",
)
@click.argument("release", type=click.Path(path_type=Path, exists=True, file_okay=False))
@CONFIG
@TO
@STATE
@PROMOTION
@APPROVERS
@NOT_BEFORE
@EXPIRY
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say what would be sent, is there already, or stands in the way.",
)
@click.option("--allow-partial", is_flag=True, help="A partial release may be published.")
@click.option("--allow-synthetic", is_flag=True, help="A synthetic release may be published.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Of progress and logs.")
@JSON
def publish(
    release: Path, config: Path | None, json_output: bool, dry_run: bool, **flags: object
) -> None:
    """Publish RELEASE, a folder that build made: its files, the descriptor last, then the pointers.

    What is public is never replaced: publishing the same bytes again only renews the expiry of the
    pointers, and other bytes under the same id are refused (exit code 6). With a signing key
    (EPC_RELEASE_SIGNING_KEY_FILE; epc-release keygen) release and pointers are signed. Credentials
    are those that boto3 knows (AWS_*); AWS_ENDPOINT_URL names another S3-compatible store.

    A release becomes public at once where nothing is missing: into a folder, its data quality gates
    must be passed and none accepted; into a store the policy must be approved as it is, too, and a
    release be there already. Otherwise it stays staged, and promote makes it public.

    \b
    Examples:
      epc-release publish releases/2026-03-31 --to /srv/open-data/epc
      epc-release publish releases/2026-03-31 --to s3://bucket/epc --dry-run
    """
    report = send(release, settings_of(config, **flags), dry_run=dry_run)
    if json_output:
        as_json(report)
    else:
        result(report.summary())
    report.check()


def send(release: Path, settings: Settings, *, dry_run: bool = False) -> PublishReport:
    """Verify a release folder and publish it where and as the settings say."""
    from epc_release.manifests.verify import verify
    from epc_release.release import progress
    from epc_release.release.operations import logged
    from epc_release.release.publish import protocol
    from epc_release.release.withdraw.standing import check_standing

    def check(folder: Path) -> None:
        verify(folder).check()
        check_standing(folder, settings)

    seal = seal_of(settings)
    return protocol.publish(
        release,
        target(settings),
        verify=check,
        dry_run=dry_run,
        allow_partial=settings.allow_partial,
        allow_synthetic=settings.allow_synthetic,
        progress=progress.start(settings.log_format),
        seal=seal,
        lacking=rules_of(settings, seal.now).lacks,
        record=logged(settings.state),
    )
