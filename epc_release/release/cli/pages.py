"""Documents made from the program itself: a page for each error, and the command reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from epc_release.errors import Problem

WIDTH = 100
EXITS = {
    1: "a defect of ours",
    2: "usage, configuration, or input that is not this register's",
    3: "a data quality gate",
    4: "a disclosure gate",
    5: "storage, network or local disk; worth retrying",
    6: "a conflict with what is already published",
    7: "verification failed",
}


def error_page(problem: Problem) -> str:
    """One error as Markdown: title, when it occurs, how to fix it, its message and exit code."""
    return (
        f"# {problem.code}: {problem.title}\n\n"
        f"**When it occurs.** {problem.when}\n\n"
        f"**How to fix it.** {problem.fix}\n\n"
        f"**Message.** `{problem.message}`\n\n"
        f"**Exit code.** {problem.exit} ({EXITS[problem.exit]})\n"
    )


def error_index(problems: Iterable[Problem]) -> str:
    """All errors as a Markdown table."""
    rows = "".join(f"| [{p.code}]({p.code}.md) | {p.title} | {p.exit} |\n" for p in problems)
    return (
        "# Errors\n\n"
        "Made by `scripts/make-docs` from the catalogue; `epc-release explain CODE` prints the"
        " same pages.\n\n"
        "| code | title | exit |\n| --- | --- | --- |\n" + rows
    )


def command_reference(group: click.Group) -> str:
    """The help of every command as Markdown."""
    head = "# Command line\n\nMade by `scripts/make-docs` from `--help`.\n"
    return head + "".join(f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in _helps(group))


def _helps(group: click.Group) -> Iterator[tuple[str, str]]:
    top = click.Context(group, info_name="epc-release", terminal_width=WIDTH)
    yield "epc-release", group.get_help(top)
    yield from _below(group, top)


def _below(group: click.Group, parent: click.Context) -> Iterator[tuple[str, str]]:
    for name in group.list_commands(parent):
        command = group.commands[name]
        context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
        yield context.command_path, command.get_help(context)
        if isinstance(command, click.Group):
            yield from _below(command, context)
