"""The options that ``build`` and ``plan`` share, and the way from them to Settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from epc_release.errors import ReleaseError
from epc_release.release.cli.common import JSON
from epc_release.release.cli.place import APPROVERS, EXPIRY, NOT_BEFORE, PROMOTION, settings_of
from epc_release.release.config import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Settings as TOML; flags and EPC_RELEASE_* win.  [default: release.toml, where it is]",
    ),
    click.option("--register", metavar="NAME", help="Which register this is.  [default: epc]"),
    click.option(
        "--source",
        "sources",
        metavar="[TABLE=]PLACE",
        multiple=True,
        help="File, folder, glob, zip or S3 URI of the extract; repeatable. Tables and dialects are"
        " recognised by header; TABLE= forces one.",
    ),
    click.option(
        "--dialect",
        "dialects",
        metavar="FILE",
        multiple=True,
        help="How other files spell the register's tables; repeatable. epc-release dialect writes"
        " one to edit.",
    ),
    click.option(
        "--suppressions",
        metavar="FILE",
        help="Opt-outs: CSV with certificate_number, event, time.",
    ),
    click.option(
        "--suppressions-as-of",
        metavar="TIME",
        help="When the opt-outs were exported, with zone.  [default: as extract.json says]",
    ),
    click.option("--sites", metavar="FILE", help="The secret list of excluded buildings."),
    click.option(
        "--policy",
        metavar="NAME_OR_FILE",
        help="What may be told.  [default: the register's]",
    ),
    click.option(
        "--approval",
        metavar="required|none",
        help="Whether somebody must have approved exactly this policy (epc-release policy"
        " approve).  [default: as the policy says]",
    ),
    click.option(
        "--out", metavar="DIR", help="Finished releases, safe to serve.  [default: releases]"
    ),
    click.option(
        "--state",
        metavar="DIR",
        help="Everything private that is remembered.  [default: epc-release-state]",
    ),
    click.option(
        "--work", metavar="DIR", help="Private scratch space.  [default: inside the state]"
    ),
    click.option(
        "--release",
        metavar="ID",
        help="Name of the release.  [default: the cut-off's date in Europe/London]",
    ),
    click.option(
        "--cutoff",
        metavar="TIME",
        help="Records lodged later stay out; with zone.  [default: the extract's snapshot time,"
        " else now]",
    ),
    click.option(
        "--previous",
        metavar="RELEASE",
        help="Folder or URI of the release to compare rows with and to list changes since; latest"
        " (of --to) or none."
        "  [default: latest, where --to is given]",
    ),
    click.option(
        "--changes",
        metavar="N",
        help="Since how many earlier releases at --to the release lists what changed; 0 for none."
        "  [default: 1]",
    ),
    click.option(
        "--accept",
        metavar="CODE",
        multiple=True,
        help="Pass this data quality gate once, as E301 names it; repeatable. Needs --reason.",
    ),
    click.option(
        "--override-interval",
        is_flag=True,
        help="Make a release although the policy's interval (E416) is not over. Needs --reason.",
    ),
    click.option(
        "--reason",
        metavar="TEXT",
        help="Why what is accepted or overridden is right; kept in the operations log, not"
        " published.",
    ),
    click.option("--encoding", metavar="NAME", help="Of CSV input that is not UTF-8."),
    click.option(
        "--archives",
        metavar="LIST",
        help="Zip archives to make: partition, year, all, or none.  [default: partition,year,all]",
    ),
    click.option(
        "--compression-level",
        metavar="1-9",
        help="Of the zip archives: 1 is fast, 9 is small.  [default: 5]",
    ),
    click.option("--jobs", metavar="N", help="Worker processes.  [default: all cores]"),
    click.option(
        "--memory",
        metavar="SIZE",
        help="What all processes together stay below.  [default: 1536MiB]",
    ),
    click.option("--executor", metavar="NAME", help="serial or local.  [default: local]"),
    click.option(
        "--limit",
        metavar="ROWS",
        help="Read only so many certificates of each register table; the release is marked"
        " partial.",
    ),
    click.option("--to", metavar="URI", help="Folder or s3:// prefix: publish it there too."),
    PROMOTION,
    APPROVERS,
    NOT_BEFORE,
    EXPIRY,
    click.option(
        "--resume",
        is_flag=True,
        help="Continue the interrupted build of this release, where there is one; what is done is"
        " kept (privately, 7 days) if this one is interrupted, stopped by a data quality gate or a"
        " full disk.",
    ),
    click.option(
        "--profile", is_flag=True, help="Show what each stage cost; report.json has it anyway."
    ),
    click.option("--allow-empty", is_flag=True, help="A table may end up without records."),
    click.option("--allow-partial", is_flag=True, help="A partial release may be published."),
    click.option("--allow-synthetic", is_flag=True, help="A synthetic release may be published."),
    click.option(
        "--log-format",
        metavar="text|json",
        help="Of progress and logs on stderr.  [default: json where CI is set and there is no"
        " terminal, else text]",
    ),
    JSON,
)


def settings_options(command: Command) -> Command:
    """Add the options of _OPTIONS, in that order, to a command."""
    return reduce(lambda found, option: option(found), reversed(_OPTIONS), command)


def settings(config: Path | None, flags: dict[str, object]) -> Settings:
    """Settings from the flags that were given, environment and file; logging is then on.

    Raises ReleaseError E101-E108.
    """
    found = settings_of(config, **flags)
    if not found.sources:
        raise ReleaseError("E108")
    return found
