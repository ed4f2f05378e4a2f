"""``promote``, ``rollback``, ``notice``, ``prune``, ``approve``, ``releases``: what is public."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from epc_release.errors import ReleaseError
from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result
from epc_release.release.cli.place import (
    APPROVERS,
    CONFIG,
    NOT_BEFORE,
    PROMOTION,
    STATE,
    TO,
    Answers,
    change,
    place_options,
    rules_of,
    seal_of,
    settings_of,
    target,
)

_NEXT = "Next: epc-release releases --at URI"


@click.command(short_help="Make a staged release public.", epilog=_NEXT)
@click.argument("release", metavar="ID")
@PROMOTION
@APPROVERS
@NOT_BEFORE
@place_options
def promote(
    release: str,
    config: Path | None,
    yes: bool,
    dry_run: bool,
    json_output: bool,
    **flags: object,
) -> None:
    """Make the release ID, which publish has staged, public; or an older public one current.

    Every file is read back first. Where `promotion = "approved"` it needs the signed approval of
    one of the approvers, and nobody promotes before `not_before`.

    \b
    Examples:
      epc-release promote 2026-03-31 --to s3://open/epc --dry-run
      epc-release promote 2026-03-31 --to s3://open/epc --yes
    """
    from epc_release.release.publish.moves import promotion as plan

    found = settings_of(config, **flags)
    seal = seal_of(found)
    rules = rules_of(found, seal.now)
    change(found, plan(release, rules), seal, Answers(dry_run, yes, json_output))


@click.command(short_help="Make an older release current again.", epilog=_NEXT)
@click.argument("release", metavar="ID")
@place_options
def rollback(
    release: str,
    config: Path | None,
    yes: bool,
    dry_run: bool,
    json_output: bool,
    **flags: object,
) -> None:
    """Make the older release ID the current one. Nothing is deleted, and the version of the place
    grows, so that no reader takes it for an attack; promote brings the newer one back.

    \b
    Example:
      epc-release rollback 2026-02-28 --to s3://open/epc
    """
    from epc_release.release.publish.moves import rollback as plan

    found = settings_of(config, **flags)
    change(found, plan(release), seal_of(found), Answers(dry_run, yes, json_output))


@click.command(short_help="Show a correction with a release.", epilog=_NEXT)
@click.argument("release", metavar="ID")
@click.argument("text")
@place_options
def notice(
    release: str,
    text: str,
    config: Path | None,
    yes: bool,
    dry_run: bool,
    json_output: bool,
    **flags: object,
) -> None:
    """Add TEXT to the notices of the release ID: in notices.json, which old pages show too, and in
    releases.json. It is public and stays.

    \b
    Example:
      epc-release notice 2026-03-31 "Leeds lacks 40 certificates; see 2026-03-31.2" --to public
    """
    from epc_release.release.publish.moves import notice as plan

    found = settings_of(config, **flags)
    seal = seal_of(found)
    change(found, plan(release, text, seal.now), seal, Answers(dry_run, yes, json_output))


@click.command(short_help="Delete old public releases.", epilog=_NEXT)
@click.option(
    "--keep",
    metavar="N",
    help="How many stay, the newest.  [default: 2 of a line of personal data]",
)
@click.option("--why", metavar="TEXT", help="What the stubs say.  [default: that N are kept]")
@place_options
def prune(
    why: str | None,
    config: Path | None,
    yes: bool,
    dry_run: bool,
    json_output: bool,
    **flags: object,
) -> None:
    """Delete all public releases but the newest, and never the current one. A stub, gone.json,
    says why each of them is gone, and so does releases.json. Run again, it finishes what was
    interrupted. Without --keep (or keep in release.toml) two stay of a line whose policy contains
    personal data, so that a withdrawal takes little down.

    \b
    Example:
      epc-release prune --keep 12 --to s3://open/epc --dry-run
    """
    from epc_release.release.publish.moves import pruning
    from epc_release.release.publish.target import open_store
    from epc_release.release.withdraw.kept import kept_releases

    found = settings_of(config, **flags)
    seal = seal_of(found)
    number = kept_releases(found, open_store(target(found)))
    told = why or f"Only the {number} newest releases are kept."
    change(found, pruning(number, told, seal.now), seal, Answers(dry_run, yes, json_output))


@click.command(
    short_help="Sign that a staged release may become public.",
    epilog="Next: epc-release promote ID --to URI, by whoever publishes",
)
@click.argument("release", metavar="ID")
@click.option("--by", required=True, metavar="NAME", help="Who approves it; public.")
@CONFIG
@TO
@STATE
@JSON
def approve(
    release: str,
    by: str,
    config: Path | None,
    to: str | None,
    state: str | None,
    json_output: bool,
) -> None:
    """Sign the checksums of the staged release ID with your own key
    (EPC_RELEASE_SIGNING_KEY_FILE), which is not the key that built or published it. Look at the
    release first: epc-release verify.

    \b
    Example:
      epc-release approve 2026-03-31 --to s3://open/epc --by "Head of statistics"
    """
    from epc_release.release.operations import logged
    from epc_release.release.publish import approval
    from epc_release.release.publish.staged import read_staged
    from epc_release.release.publish.target import open_store
    from epc_release.release.signing import signing_key

    if not by.strip().isprintable() or not by.strip():
        raise click.UsageError("--by must name somebody")
    found = settings_of(config, to=to, state=state)
    store, key = open_store(target(found)), signing_key()
    if key is None:
        raise ReleaseError("E433", what="An approval without a key", uri=store.uri)
    staged = read_staged(store, release)
    told = {
        "release": release,
        "to": store.uri,
        "sha256": staged.candidate.sha256sums,
        "by": by.strip(),
        "key": key.public.key_id,
    }
    with logged(found.state)("approve", told):
        path = approval.approve(store, staged, key, by.strip(), datetime.now(UTC))
    if json_output:
        as_json({**told, "path": path})
    else:
        result(f"Approved by {told['by']} with key {told['key']}: {release}, {told['sha256']}")


@click.command(short_help="What a place has published.", epilog="Next: epc-release verify URI/ID")
@CONFIG
@click.option("--at", "to", metavar="URI", help="The place: a folder or s3://bucket/prefix.")
@JSON
def releases(config: Path | None, to: str | None, json_output: bool) -> None:
    """List every release that was public at a place, newest first, with what became of it.

    \b
    Example:
      epc-release releases --at s3://open/epc
    """
    from epc_release.release.publish.moves import read_index
    from epc_release.release.publish.target import open_store
    from epc_release.release.report import table

    index = read_index(open_store(target(settings_of(config, to=to))))
    if json_output:
        as_json(
            {
                "register": index.register,
                "policy": index.policy,
                "version": index.number,
                "expires": index.expires,
                "releases": list(index.entries),
            }
        )
        return
    rows: list[tuple[object, ...]] = [
        (e["id"], e["status"], e["cutoff"], sum(e["rows"].values()), e["bytes"])
        for e in index.entries
    ]
    result(
        f"{index.register} under {index.policy}, version {index.number}, valid until"
        f" {index.expires or 'no time'}\n"
    )
    result(table(("release", "status", "cut-off", "rows", "bytes"), rows))
    for entry in index.entries:
        if "gone" in entry:
            result(f"{entry['id']}: {entry['gone']['why']}")
        for each in entry["notices"]:
            result(f"{entry['id']}: {each['time']}: {each['text']}")
