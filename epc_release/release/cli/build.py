"""``build`` and ``plan``: the same settings, one makes the release and one tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from epc_release.release.cli.options import settings, settings_options
from epc_release.release.cli.output import as_json, result
from epc_release.release.cli.publish import send
from epc_release.release.config import Settings

if TYPE_CHECKING:
    from epc_release.release.publish.protocol import PublishReport


@click.command(
    short_help="Make a release.",
    epilog="Next: epc-release verify OUT/RELEASE --deep, then epc-release publish OUT/RELEASE"
    " --to URI",
)
@settings_options
def build(config: Path | None, json_output: bool, **flags: object) -> None:
    """Make a release: read the extract, screen, anonymise, validate, write and describe it.

    The release appears in OUT/RELEASE when it is complete, and not before. Policies with
    pseudonyms need a key: EPC_RELEASE_KEY (base64 of at least 32 bytes), EPC_RELEASE_KEY_FILE (a
    file of mode 0600; epc-release init makes one) or EPC_RELEASE_KEY_SECRET (the name of a secret
    in AWS Secrets Manager). Policies with protected tables need another in EPC_RELEASE_CELL_KEY or
    EPC_RELEASE_CELL_KEY_FILE, which may never change.

    \b
    Examples:
      epc-release build --source extract --out releases
      epc-release build --source extract.zip --policy deidentified --release 2026-03-31
      epc-release build --source s3://bucket/extract/ --suppressions opt-outs.csv --to s3://open/epc
    """
    found = settings(config, flags)
    from epc_release.release import pipeline, progress
    from epc_release.release.report import profile_table

    report = pipeline.build(found, progress.start(found.log_format))
    published = _publish(found, report.path)
    if json_output:
        content = {"release": report.release, "path": report.path, "ledger": report.ledger}
        as_json({**content, "published": published})
    else:
        result(report.summary())
        if found.profile:
            result(profile_table(report.profile))
        if published is not None:
            result(published.summary())


def _publish(settings: Settings, release: Path) -> PublishReport | None:
    if settings.to is None:
        return None
    return send(release, settings)


@click.command(
    short_help="What build would do, and what it needs; read only.",
    epilog="Next: epc-release build with the same options",
)
@settings_options
def plan(config: Path | None, json_output: bool, **flags: object) -> None:
    """Show what build would do and what it needs; nothing is written.

    \b
    Examples:
      epc-release plan --source extract
      epc-release plan --config release.toml --json
    """
    found = settings(config, flags)
    from epc_release.release import pipeline

    report = pipeline.plan(found)
    result(report.json() if json_output else str(report))
