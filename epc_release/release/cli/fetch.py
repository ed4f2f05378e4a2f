"""``fetch``: a published release, or some of its parts, into a folder."""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.origin import check_seen, oldest, origin_options
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="Download a release, or parts of it, verified.",
    epilog="Next: sha256sum -c --ignore-missing SHA256SUMS in DIR tells the same",
)
@click.argument("uri")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="The folder of one release; what is there already is not downloaded again.",
)
@click.option(
    "--table", "tables", multiple=True, metavar="T", help="Only this table's Parquet; repeatable."
)
@click.option(
    "--where",
    "wheres",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only the partition of this value (none after = for the missing one); repeatable.",
)
@origin_options
@JSON
def fetch(
    uri: str,
    to: Path,
    tables: tuple[str, ...],
    wheres: tuple[str, ...],
    public_keys: tuple[str, ...],
    not_older_than: str | None,
    seen: Path | None,
    json_output: bool,
) -> None:
    """Download the release at URI (folder, https or s3; or a place of releases: its latest).

    Without --table and --where everything is downloaded, else the Parquet parts that they name.
    Space is asked for before, sizes are those of the descriptor, and a file has its name only when
    its sha256 is right. Run the same again to resume. Exit code 7: the release is not what it says.

    That proves integrity. Only --public-key proves origin, as verify does it and before anything is
    downloaded: a stripped or wrong signature, an expired place, a mixture, and a state older than
    --not-older-than or than --seen remembers end with exit code 7.

    \b
    Examples:
      epc-release fetch https://host/epc --to epc
      epc-release fetch https://host/epc/2026-03-31 --to epc --table domestic-certificates
      epc-release fetch https://host/epc --to epc --public-key epc.pub --seen ~/.epc-seen.json
      epc-release fetch s3://bucket/epc --to epc --where local_authority=E06000001
    """
    from epc_release.release import progress
    from epc_release.release.fetch.run import fetch as run
    from epc_release.release.fetch.trust import Trust
    from epc_release.release.signing import public_keys as read_keys

    check_seen(public_keys, seen)
    trust = Trust(read_keys(public_keys), oldest(not_older_than), seen)
    report = run(uri, to, tables, wheres, progress.start(), trust)
    if json_output:
        as_json(report)
    else:
        result(str(report))
