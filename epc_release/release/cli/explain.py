"""``explain``: the page of an error, from the catalogue."""

from __future__ import annotations

import difflib

import click

from epc_release.errors import ReleaseError, catalogue
from epc_release.release.cli import pages
from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result


@click.command(
    short_help="The page of an error.",
    epilog="Next: do what the page says, then run the same command again",
)
@click.argument("code", required=False)
@JSON
def explain(code: str | None, json_output: bool) -> None:
    """Explain an error: when it occurs and how to fix it. Without CODE, list all errors.

    \b
    Examples:
      epc-release explain E108
      epc-release explain
    """
    known = catalogue()
    if code is None:
        if json_output:
            as_json(list(known.values()))
        else:
            result("\n".join(f"{p.code}  {p.title} (exit {p.exit})" for p in known.values()))
        return
    problem = known.get(code.upper())
    if problem is None:
        close = difflib.get_close_matches(code.upper(), known, n=3)
        raise ReleaseError("E105", name=code, near=f"; near: {', '.join(close)}" if close else "")
    if json_output:
        as_json(problem)
    else:
        result(pages.error_page(problem))
