"""The options by which a reader says whom they trust; ``verify`` and ``fetch`` share them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from epc_release.errors import ReleaseError

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--public-key",
        "public_keys",
        metavar="KEY",
        multiple=True,
        help="Who must have signed it: a .pub file, or its line that begins with RW; repeatable"
        " (any).",
    ),
    click.option(
        "--not-older-than", metavar="TIME", help="The oldest cut-off that is accepted; with zone."
    ),
    click.option(
        "--seen",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Remembers the newest version of each place; an older one is then refused. Needs"
        " --public-key.",
    ),
)


def origin_options(command: Command) -> Command:
    """Add them to a command."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def check_seen(public_keys: tuple[str, ...], seen: Path | None) -> None:
    """A memory without a key is a wrong usage."""
    if seen is not None and not public_keys:
        raise click.UsageError("--seen needs --public-key: an unsigned version proves nothing")


def oldest(text: str | None) -> datetime | None:
    """The moment of ``--not-older-than``. Raises E102."""
    from epc_release.release import values

    try:
        return values.moment(text) if text else None
    except ValueError as error:
        raise ReleaseError("E102", where="--not-older-than", problem=error) from error
