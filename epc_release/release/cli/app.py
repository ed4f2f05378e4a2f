"""The group of commands, in the order in which a release manager meets them, and its entry."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from epc_release import __version__
from epc_release.release.cli import (
    apply,
    build,
    check,
    dialect,
    diff,
    doctor,
    explain,
    failure,
    fetch,
    init,
    keygen,
    leaks,
    manage,
    policy,
    publish,
    purge,
    risk,
    synth,
    unlock,
    verify,
    withdraw,
)

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Before": (
        init.init,
        keygen.keygen,
        synth.synth,
        build.plan,
        doctor.doctor,
        dialect.dialect,
        check.check,
        policy.policy,
    ),
    "Build": (build.build, verify.verify, risk.risk, leaks.leaks, diff.diff),
    "Publish": (
        publish.publish,
        manage.approve,
        manage.promote,
        manage.rollback,
        manage.releases,
        withdraw.withdraw,
        manage.notice,
        manage.prune,
        purge.purge,
        unlock.unlock,
    ),
    "Readers": (fetch.fetch, apply.apply, explain.explain),
}


class Sections(click.Group):
    """A group whose help lists the commands under the headings of SECTIONS."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(len(name) for name in self.commands)
        limit = formatter.width - 6 - width
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(c.name or "", c.get_short_help_str(limit)) for c in commands],
                    col_max=width + 2,
                )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [command.name or "" for commands in SECTIONS.values() for command in commands]


@click.group(
    cls=Sections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: epc-release synth extract, then epc-release plan --source extract",
)
@click.version_option(__version__, prog_name="epc-release")
def group() -> None:
    """From a large register's extract to a verified open-data release."""


for _commands in SECTIONS.values():
    for _command in _commands:
        group.add_command(_command)


def run(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code, after the message of what went wrong is on stderr."""
    given = list(sys.argv[1:] if args is None else args)
    return failure.guard(lambda: _dispatch(given))


def _dispatch(args: list[str]) -> None:
    with group.make_context("epc-release", args) as context:
        group.invoke(context)
