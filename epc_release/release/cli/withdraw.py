"""``withdraw``: who opted out leaves everything that is public."""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.release.cli.place import (
    Answers,
    agree,
    place_options,
    seal_of,
    settings_of,
    show,
    target,
)


@click.command(
    short_help="Take records out of everything that is public.",
    epilog="Next: epc-release build, which leaves them out, and epc-release publish",
)
@click.option(
    "--suppressions",
    metavar="FILE",
    help="Who opted out: certificate_number,event,time.  [default: as release.toml says]",
)
@click.option("--register", metavar="NAME", help="Whose releases they are.  [default: epc]")
@click.option("--policy", metavar="NAME|FILE", help="Their policy.  [default: as published]")
@place_options
def withdraw(
    config: Path | None, yes: bool, dry_run: bool, json_output: bool, **flags: object
) -> None:
    """Take the records that opted out of publication out of everything that is public: each
    release that holds one of them, or its place in a list of changes, is deleted with all versions
    that the bucket keeps. gone.json and releases.json say that it was withdrawn, and neither which
    record nor why. The newest release that holds none becomes current.

    It needs no extract and no build: run it first, every night. A standing list in the state keeps
    the records out of every later build and publishing, even if the extract's list loses them. Run
    again, it finishes what was interrupted; where nothing is left to do it changes nothing.

    Where certificate numbers are pseudonyms it needs their key (EPC_RELEASE_KEY).

    \b
    Examples:
      epc-release withdraw --suppressions suppressions.csv --to s3://open/epc --dry-run
      epc-release withdraw --suppressions suppressions.csv --to s3://open/epc --yes
    """
    from epc_release.release import progress
    from epc_release.release.operations import logged
    from epc_release.release.publish.moves import carry_out
    from epc_release.release.publish.target import open_store
    from epc_release.release.standing import keep_out
    from epc_release.release.withdraw.plan import published_under, withdrawal
    from epc_release.release.withdraw.sought import read_sought

    settings = settings_of(config, **flags)
    seal, answers = seal_of(settings), Answers(dry_run, yes, json_output)
    store = open_store(target(settings))
    sought = read_sought(settings, seal.now, published_under(store))
    plan = withdrawal(sought, seal.now)
    move = plan(store)
    if not dry_run:
        if move.changes:
            agree(move.action, str(move), yes=yes)
        # First of all: whatever fails now, no later build publishes them.
        keep_out(settings.state, sought.register.name, sought.keys)
        if move.changes:
            bars = progress.start(settings.log_format)
            move = carry_out(store, plan, seal, logged(settings.state), bars)
    show(move, answers)
