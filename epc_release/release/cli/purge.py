"""``purge``: what the state and the work folder need no longer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result
from epc_release.release.cli.place import CONFIG, DRY_RUN, TO, YES, agree, settings_of


@click.command(
    short_help="Delete what the private state needs no longer.",
    epilog="Next: epc-release releases --at URI",
)
@CONFIG
@TO
@click.option("--state", metavar="DIR", help="[default: epc-release-state]")
@click.option("--work", metavar="DIR", help="[default: inside the state]")
@click.option(
    "--retention",
    metavar="KIND=DAYS,...",
    help="[default: quarantine=30,work=7,line=30, or as [retention] says]",
)
@YES
@DRY_RUN
@JSON
def purge(
    config: Path | None, yes: bool, dry_run: bool, json_output: bool, **flags: object
) -> None:
    """Delete private things by age: quarantined cells and records, what killed builds left, and
    what releases remember for the next one once newer releases have made that needless.

    Ledgers, audits, reports, approvals and the operations log stay. So does all that the next build
    of a line reads, or a build of its newest release again, and with --to what the leak test of a
    release that is still public needs.

    \b
    Examples:
      epc-release purge --dry-run
      epc-release purge --retention quarantine=14 --to s3://open/epc --yes
    """
    from epc_release.release.operations import logged
    from epc_release.release.purge import find, public_releases, remove

    found = settings_of(config, **flags)
    now = datetime.now(UTC)
    doomed = find(found, public_releases(found.to), now)
    lines = [f"{each.kind}: {each.path} ({each.days} days old)" for each in doomed]
    if doomed and not dry_run:
        agree("purge", "\n".join(lines), yes=yes)
        with logged(found.state)("purge", {"deleted": lines}):
            remove(doomed)
    if json_output:
        as_json({"dry_run": dry_run, "deleted": doomed})
    else:
        told = "Would be deleted" if dry_run else "Deleted"
        result("\n".join([f"{told}: {len(doomed)}", *lines]))
