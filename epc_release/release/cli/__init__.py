"""The command line: every command is thin, and says what comes next."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """The console script: run one command and return its exit code."""
    from epc_release.release.cli import app

    return app.run(args)
