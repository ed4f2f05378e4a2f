"""``unlock``: what a publisher that died still holds."""

from __future__ import annotations

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="Remove the lease of a publisher that died.",
    epilog="Next: epc-release publish RELEASE --to URI",
)
@click.option("--to", required=True, metavar="URI", help="A folder or s3://bucket/prefix.")
@JSON
def unlock(to: str, json_output: bool) -> None:
    """Remove a publisher's lease, with proof that it is dead, so that the next need not wait.

    Proven is: the lease has run out (its owner renews it four times as often), or it was taken on
    this machine by a process that has ended. Any other lease is left alone (exit code 6).

    \b
    Examples:
      epc-release unlock --to s3://bucket/epc
    """
    from epc_release.release.publish.target import open_store

    removed = open_store(to).unlock()
    if json_output:
        as_json({"uri": to, "removed": removed})
    elif removed:
        result(f"{to}: the lease of a dead publisher was removed")
    else:
        result(f"{to}: nobody holds a lease here")
