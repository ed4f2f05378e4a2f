"""A policy as text for a terminal, and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import fill

from epc_release.anonymise.keysets import KeySet, Sensitive
from epc_release.anonymise.review.shown import (
    Shown,
    ShownColumn,
    ShownCounts,
    ShownFlag,
    ShownRule,
    ShownTable,
)

WIDTH = 100


def as_text(shown: Shown) -> str:
    """The whole policy, for a terminal."""
    return "\n".join(_text(shown))


def _text(shown: Shown) -> Iterator[str]:
    yield f"{shown.title} ({shown.register}, {shown.name})"
    yield fill(shown.description, WIDTH)
    yield ""
    yield _access(shown)
    yield f"sha256 {shown.sha256}"
    yield from (f"uses {each.kind} {each.name}, sha256 {each.sha256}" for each in shown.used)
    yield "\nWHO MAY BE IN, by the first rule that matches"
    for number, rule in enumerate(shown.records, 1):
        yield f"\n{number:>3}. {rule.id}: {_test(rule)} ({rule.reason})"
        yield _indented(f"of {', '.join(rule.tables)}; a missing cell {rule.missing}")
        yield _indented(rule.legal)
    yield "\nWHAT MUST HOLD"
    for each in shown.risk:
        yield f"\n  {each.id}, {each.table}: {each.why}"
        yield from (_indented(line) for line in _conditions(each))
    if not shown.risk:
        yield "  Nothing: no key set is declared."
    yield from (_indented(line) for line in ("", *shown.releases))
    for counts in shown.counts:
        yield f"\nCOUNTS BESIDE {counts.table}: {counts.id}, {counts.title}"
        yield _indented(f"{_sentence(counts.says)} {_sentence(counts.protection)}")
        yield _indented(f"Why: {counts.why}")
    for table in shown.tables:
        yield f"\nWHAT IS TOLD OF {table.table}" + (
            f", which follows {table.follows}" if table.follows else ""
        )
        for column in table.columns:
            yield f"\n  {column.column} [{column.column_class}]"
            yield _indented(f"{column.happens}{_example(column, '')}")
            yield _indented(f"Why: {column.why}")
        for flag in _flags(shown, table):
            yield f"\n  {flag.column} [made here]"
            yield _indented(_sentence(flag.says))
            yield _indented(f"Why: {flag.why}")


def _indented(text: str) -> str:
    indent = " " * 5
    return fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def as_markdown(shown: Shown) -> str:
    """The whole policy as a page."""
    return "\n".join(_markdown(shown)) + "\n"


def _markdown(shown: Shown) -> Iterator[str]:
    yield f"# {shown.title}\n"
    yield f"Policy `{shown.name}` of register `{shown.register}`. Made by `scripts/make-docs`;"
    yield f"`epc-release policy show {shown.name} --register {shown.register}` prints the same.\n"
    yield f"{shown.description}\n"
    yield f"{_access(shown)}\n"
    yield from _table(("file", "sha256"), _files(shown))
    yield "\n## Who may be in\n"
    yield "In order; a record is counted by the first rule that matches.\n"
    tests = ("rule", "tables", "test", "a missing cell", "public reason", "basis")
    yield from _table(tests, map(_rule, shown.records))
    yield "\n## What must hold\n"
    if not shown.risk:
        yield "No key set is declared."
    for each in shown.risk:
        yield f"**{each.id}**, `{each.table}`. {each.why}\n"
        yield from (f"- {line}" for line in _conditions(each))
        yield ""
    yield from (f"{line}\n" for line in shown.releases)
    if shown.counts:
        yield "\n## Tables of counts\n"
        head = ("table", "of", "counts", "protection", "why")
        yield from _table(head, map(_counts, shown.counts))
    for table in shown.tables:
        yield f"\n## What is told: {table.table}\n"
        yield from _about(table)
        head = ("column", "class", "what happens", "example", "why")
        yield from _table(head, (*map(_column, table.columns), *map(_flag, _flags(shown, table))))


def _about(table: ShownTable) -> Iterator[str]:
    if table.follows:
        yield f"Its records follow those of `{table.follows}`.\n"
    if table.paths:
        named = ", ".join(f"`{name}`" for name in table.paths)
        yield f"Paths and archives tell {named}.\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row(("---",) * len(head))
    yield from map(_row, rows)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _files(shown: Shown) -> Iterator[tuple[str, str]]:
    yield "the policy with all that it uses", f"`{shown.sha256}`"
    for each in shown.used:
        yield f"{each.kind} {each.name}", f"`{each.sha256}`"


def _rule(rule: ShownRule) -> tuple[str, ...]:
    tables = ", ".join(f"`{name}`" for name in rule.tables)
    return (rule.id, tables, _test(rule), rule.missing, rule.reason, rule.legal)


def _column(column: ShownColumn) -> tuple[str, ...]:
    name = f"`{column.column}`" if column.published else f"~~`{column.column}`~~"
    return (name, column.column_class, column.happens, _example(column, "`"), column.why)


def _counts(counts: ShownCounts) -> tuple[str, ...]:
    title = f"**{counts.id}**: {counts.title}"
    return (title, f"`{counts.table}`", counts.says, counts.protection, counts.why)


def _flag(flag: ShownFlag) -> tuple[str, ...]:
    return (f"`{flag.column}`", "made here", flag.says, "", flag.why)


def _flags(shown: Shown, table: ShownTable) -> list[ShownFlag]:
    return [flag for flag in shown.flags if flag.table == table.table]


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _example(column: ShownColumn, quote: str) -> str:
    if column.given is None:
        return ""
    values = dict.fromkeys((column.given, column.told))  # once, where nothing changes
    found = " → ".join(f"{quote}{value}{quote}" for value in values)
    return found if quote else f" (say {found})"


def _test(rule: ShownRule) -> str:
    says = {
        "keep_if": "stays if",
        "drop_if": "is left out if",
        "suppression_list": "is left out if opted out:",
        "exclude_site": "is left out if at an excluded site:",
    }[rule.kind]
    return f"{says} {rule.says}"


def _access(shown: Shown) -> str:
    data = "contains personal data" if shown.contains_personal_data else "no personal data is kept"
    approval = "a build needs its approval" if shown.approval == "required" else "no approval asked"
    return f"Access: {shown.access}; {data}; {approval}."


def _conditions(each: KeySet) -> Iterator[str]:
    yield f"Known: {', '.join(each.keys)}."
    unit = f"distinct {each.unit}" if each.unit else "records"
    yield f"At least {each.k} {unit} are alike in these (k = {each.k})."
    yield from (f"In each class {_asked(one)}." for one in each.sensitive)
    if each.action == "fail":
        yield "Where that does not hold, the build stops."
    else:
        starred = f"made missing in this order: {', '.join(each.star)}; then " if each.star else ""
        yield f"Where that does not hold: {starred}the records are left out."
        yield f"At most {each.max_cells:.2%} of cells and {each.max_rows:.2%} of records are lost."


def _asked(one: Sensitive) -> str:
    measures = {"l": "l", "entropy_l": "entropy l", "alpha": "alpha", "t": "t"}
    bounds = {"l": "at least", "entropy_l": "at least", "alpha": "at most", "t": "at most"}
    asked = [
        f"{words} is {bounds[key]} {getattr(one, key):g}"
        for key, words in measures.items()
        if getattr(one, key) is not None
    ]
    return f"{one.column}: {', '.join(asked)}"
