"""``doctor``: what would fail tonight, found out today."""

from __future__ import annotations

import click

from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="What would fail at the place to publish to.",
    epilog="Next: epc-release publish RELEASE --to URI --dry-run",
)
@click.option("--to", required=True, metavar="URI", help="A folder or s3://bucket/prefix.")
@click.option("--analyse", is_flag=True, help="Try all that publishing relies on; a minute.")
@click.option(
    "--bucket-policy", is_flag=True, help="Only print the policy that lets everybody read there."
)
@click.option("--register", metavar="NAME", help="Of --policy.  [default: that of the place]")
@click.option("--policy", metavar="NAME_OR_FILE", help="Of the bucket policy's place, if empty.")
@JSON
def doctor(
    to: str,
    analyse: bool,
    bucket_policy: bool,
    register: str | None,
    policy: str | None,
    json_output: bool,
) -> None:
    """Examine a place to publish to: reach, rights, clock, lease, what is unfinished, and how.

    --analyse also tries what a store promises, before it is trusted: raced conditional writes, read
    after write, lists after writes and deletes, replaced pointers, ranges, wrong checksums, copies,
    many and big objects, speed. All of it at a private prefix, which is removed again. Exit code 5
    if anything is wrong.

    --bucket-policy writes nothing: give what it prints to whoever owns the bucket. Staging and
    lease stay private, and it is refused where the releases are not open to all (exit code 4).

    \b
    Examples:
      epc-release doctor --to s3://bucket/epc --analyse
      epc-release doctor --to s3://bucket/epc --bucket-policy > policy.json
    """
    from epc_release.release.publish.doctor import examine
    from epc_release.release.publish.target import open_store

    store = open_store(to)
    if bucket_policy:
        from epc_release.release.publish.doctor.access import policy_for

        as_json(policy_for(store, register, policy))
        return
    report = examine.analyse(store) if analyse else examine.examine(store)
    if json_output:
        as_json(report)
    else:
        result(report.summary())
    report.check()
