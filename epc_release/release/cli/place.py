"""What the commands about a place of public releases share: its options, and asking first."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from epc_release.errors import ReleaseError
from epc_release.release import log
from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result
from epc_release.release.config import Settings, load

if TYPE_CHECKING:
    from epc_release.release.publish.moves import Move, Plan
    from epc_release.release.publish.permission import Rules
    from epc_release.release.publish.seal import Seal

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Settings as TOML; flags and EPC_RELEASE_* win.  [default: release.toml, where it is]",
)
TO = click.option("--to", metavar="URI", help="The place: a folder or s3://bucket/prefix.")
STATE = click.option(
    "--state", metavar="DIR", help="Holds the operations log.  [default: epc-release-state]"
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
NOT_BEFORE = click.option(
    "--not-before", metavar="TIME", help="Stay staged until then (an embargo); with zone."
)
APPROVERS = click.option(
    "--approver",
    "approvers",
    metavar="KEY",
    multiple=True,
    help="Public key whose approval counts, as a .pub file or its line; repeatable.",
)
EXPIRY = click.option(
    "--expiry", metavar="DAYS", help="How long the pointers written now are valid.  [default: 40]"
)
PROMOTION = click.option(
    "--promotion",
    metavar="automatic|approved",
    help="Whether a release needs a signed approval to become public.  [default: automatic]",
)


def place_options(command: Command) -> Command:
    """--config, --to, --state, --expiry, --yes, --dry-run, --json."""
    for option in reversed((CONFIG, TO, STATE, EXPIRY, YES, DRY_RUN, JSON)):
        command = option(command)
    return command


@dataclass(frozen=True)
class Answers:
    """How a change is made: only told, not asked about, shown as JSON."""

    dry_run: bool
    yes: bool
    json_output: bool


def settings_of(config: Path | None, **flags: object) -> Settings:
    """Settings from flags, environment and file; logging is then on. Raises E101-E107."""
    given = {name: value for name, value in flags.items() if value not in (None, (), False)}
    found = load(
        given, os.environ, config, {"log_format": log.default_format(os.environ, sys.stderr)}
    )
    log.start(found.log_format)
    return found


def target(settings: Settings) -> str:
    """The place. Raises E446 where none is given."""
    if settings.to is None:
        raise ReleaseError("E446")
    return settings.to


def seal_of(settings: Settings) -> Seal:
    """The clock, read once, and the key of the environment."""
    from epc_release.release.publish.seal import Seal
    from epc_release.release.signing import signing_key

    return Seal(datetime.now(UTC), settings.expiry, signing_key())


def rules_of(settings: Settings, now: datetime) -> Rules:
    """Who may promote, as the settings say."""
    from epc_release.release.approvals import approved
    from epc_release.release.publish.permission import Rules
    from epc_release.release.signing import public_keys

    return Rules(
        settings.promotion,
        settings.not_before,
        public_keys(settings.approvers),
        lambda register, policy, sha256: approved(settings.state, register, policy, sha256),
        now,
    )


def change(settings: Settings, plan: Plan, seal: Seal, answers: Answers) -> None:
    """Show what would be changed, ask, change it, and print what was done."""
    from epc_release.release import progress
    from epc_release.release.operations import logged
    from epc_release.release.publish.moves import carry_out
    from epc_release.release.publish.target import open_store

    store = open_store(target(settings))
    move = plan(store)
    if not answers.dry_run:
        agree(move.action, str(move), yes=answers.yes)
        bars = progress.start(settings.log_format)
        move = carry_out(store, plan, seal, logged(settings.state), bars)
    show(move, answers)


def agree(action: str, lines: str, *, yes: bool) -> None:
    """Ask whether to go on. Raises E440 where nobody can be asked, Abort where they say no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ReleaseError("E440", action=action)
    click.echo(lines, err=True)
    click.confirm("Go on?", abort=True, err=True)


def show(move: Move, answers: Answers) -> None:
    """Print what was done, or would be."""
    if answers.json_output:
        told = {"action": move.action, "release": move.release, "dry_run": answers.dry_run}
        as_json({**told, "told": list(move.lines), "releases": list(move.after.entries)})
    else:
        result(("Would be done:\n" if answers.dry_run else "") + str(move))
