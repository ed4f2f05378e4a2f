"""Options that several commands have, and mean alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from epc_release.errors import ReleaseError
from epc_release.release import values

Command = TypeVar("Command", bound=Callable[..., Any])

JSON = click.option("--json", "json_output", is_flag=True, help="Print the result as JSON.")
JOBS = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    metavar="N",
    help="Worker processes.  [default: all cores]",
)


def memory(what: str) -> Callable[[Command], Command]:
    """``--memory SIZE``: ``what`` stays below it. Given as bytes; raises E102."""
    return click.option(
        "--memory", default="1536MiB", show_default=True, metavar="SIZE", help=what, callback=_size
    )


def scratch(what: str) -> Callable[[Command], Command]:
    """``--work DIR``: where ``what`` is made, and removed."""
    return click.option(
        "--work",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help=f"Where {what} is made, and removed.  [default: the system's temporary folder]",
    )


def _size(_: click.Context, option: click.Parameter, text: str) -> int:
    try:
        return values.size(text)
    except ValueError as error:
        raise ReleaseError("E102", where=option.opts[0], problem=error) from error
