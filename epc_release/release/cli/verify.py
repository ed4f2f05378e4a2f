"""``verify``: is this release whole, what it says it is, and from whom it should be?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.origin import check_seen, oldest, origin_options
from epc_release.release.cli.output import as_json, result

if TYPE_CHECKING:
    from epc_release.release.publish.origin import Expected


@click.command(
    short_help="Check a release, local or remote.",
    epilog="Next: epc-release publish RELEASE --to URI; readers may now use the files",
)
@click.argument("release")
@click.option("--deep", is_flag=True, help="Read every row, too.")
@origin_options
@JSON
def verify(
    release: str,
    deep: bool,
    public_keys: tuple[str, ...],
    not_older_than: str | None,
    seen: Path | None,
    json_output: bool,
) -> None:
    """Check RELEASE, a folder or URI: paths, descriptor, checksums, counts, schemas.

    With --deep every row is read: keys, constraints, and that CSV and Parquet hold the same. It
    needs nothing but the release. Exit code 7: do not use these files.

    That proves integrity. Only --public-key proves origin: then the signatures of the release
    and of the place above it must be right, and the place must be neither expired nor mixed with
    another state, nor older than --seen remembers. The URI of a place stands for its latest
    release.

    \b
    Examples:
      epc-release verify releases/2026-03-31
      epc-release verify s3://bucket/epc/2026-03-31 --deep
      epc-release verify https://open.example/epc --public-key epc.pub
    """
    from epc_release.manifests.verify import verify as check
    from epc_release.release.publish import memory, origin
    from epc_release.release.publish.reader import open_reader

    check_seen(public_keys, seen)
    reader = open_reader(release)
    latest = origin.latest_of(reader)
    if latest is not None:
        release = f"{release.rstrip('/')}/{latest}"
        reader = open_reader(release)
    place = origin.parent(release)
    found = origin.verify_origin(
        reader,
        lambda: open_reader(place),
        _expected(public_keys, not_older_than, memory.recall(seen, place) if seen else None),
        remote="://" in release,
    )
    report = check(reader, deep=deep)
    report = replace(report, findings=(*found.findings, *report.findings), origin=found.told)
    if json_output:
        as_json(report.as_dict())
    else:
        result(str(report))
    report.check()
    if seen is not None and found.version is not None:
        memory.remember(seen, place, found.version)


def _expected(keys: tuple[str, ...], not_older_than: str | None, seen: int | None) -> Expected:
    from epc_release.release.publish.origin import Expected
    from epc_release.release.signing import public_keys

    return Expected(public_keys(keys), datetime.now(UTC), oldest(not_older_than), seen)
