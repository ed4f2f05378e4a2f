"""Record rules of a policy: who may be in a release. Ordered; the first that matches counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from epc_release.anonymise.compile import check
from epc_release.anonymise.document import Document, Section
from epc_release.anonymise.expression import ExpressionError, Node, columns, parse
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

KINDS = ("keep_if", "drop_if", "suppression_list", "exclude_site")
REASONS = ("out-of-scope", "withheld")


@dataclass(frozen=True)
class RecordRule:
    """One rule: ``kind`` says which of the settings it has.

    ``expression`` is that of ``keep_if`` and ``drop_if``. ``roles`` are the columns of the others:
    ``key`` and perhaps ``flag`` of a suppression list, ``uprn`` and ``postcode`` of a site list.
    ``reason`` is what the public ledger says; ``legal`` is the rule's basis; ``says`` is what it
    tests, as the policy writes it.
    """

    id: str
    tables: tuple[str, ...]
    kind: str
    reason: str
    legal: str
    expression: Node | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    missing_is_false: bool = False
    max_age: timedelta | None = None
    says: str = ""

    @property
    def inputs(self) -> frozenset[str]:
        """The columns that decide."""
        named = columns(self.expression) if self.expression else ()
        return frozenset((*(column.name for column in named), *self.roles.values()))


def read_record_rules(document: Document, register: Register) -> tuple[RecordRule, ...]:
    """The ``[[records]]`` of a policy in file order. Raises E141, E143 and E145.

    One id may stand in several entries for different tables, with the same reason.
    """
    found: list[RecordRule] = []
    for section in document.sections("records"):
        with document.part():
            rule = _read(section, register)
            for other in found:
                if other.id == rule.id and set(other.tables) & set(rule.tables):
                    section.wrong("id", f"rule {rule.id} stands twice for the same table")
                if other.id == rule.id and other.reason != rule.reason:
                    section.wrong("reason", f"rule {rule.id} has another reason elsewhere")
            found.append(rule)
    return tuple(found)


def _read(section: Section, register: Register) -> RecordRule:
    name = section.text("id")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        section.wrong("id", "id must be lower-case words joined by hyphens")
    kinds = [kind for kind in KINDS if kind in section]
    if len(kinds) != 1:
        section.wrong("id", f"rule {name} must have exactly one of {', '.join(KINDS)}")
    tables, says = section.texts("tables"), _said(section.left()[kinds[0]])
    expression, roles, max_age = _test(section, name, kinds[0])
    rule = RecordRule(
        id=name,
        tables=tables,
        kind=kinds[0],
        reason=section.text("reason", REASONS),
        legal=section.text("legal"),
        missing_is_false="missing" in section and section.text("missing", ("false",)) == "false",
        expression=expression,
        roles=roles,
        max_age=max_age,
        says=says,
    )
    if rule.missing_is_false and rule.kind not in ("keep_if", "drop_if", "suppression_list"):
        section.wrong("missing", f"{rule.kind} takes no missing")
    for table in tables:
        _check(section, rule, table, register)
    section.done()
    return rule


def _said(setting: object) -> str:
    """A setting on one line: an expression as it stands, or each key with its value."""
    if isinstance(setting, dict):
        return ", ".join(f"{key} {value}" for key, value in setting.items())
    return " ".join(str(setting).split())


def _test(
    section: Section, name: str, kind: str
) -> tuple[Node | None, dict[str, str], timedelta | None]:
    """What the rule tests: an expression, or columns by role and the age a list may have."""
    if kind in ("keep_if", "drop_if"):
        try:
            return parse(section.text(kind)), {}, None
        except ExpressionError as error:
            _wrong_expression(section, name, kind, error)
    settings = section.section(kind)
    if kind == "exclude_site":
        roles = {role: settings.text(role) for role in ("uprn", "postcode") if role in settings}
        if not roles:
            settings.wrong(kind, "exclude_site needs the column of uprn, of postcode, or both")
        settings.done()
        return None, roles, None
    roles = {"key": settings.text("key")}
    if "flag" in settings:
        roles["flag"] = settings.text("flag")
    hours = settings.number("max_age_hours") if "max_age_hours" in settings else 24
    if hours <= 0:
        settings.wrong("max_age_hours", "max_age_hours must be above zero")
    settings.done()
    return None, roles, timedelta(hours=hours)


def _check(section: Section, rule: RecordRule, table: str, register: Register) -> None:
    names = [known.name for known in register.tables]
    if table not in names:
        raise ReleaseError(
            "E143",
            file=section.document.name,
            line=section.line_of(table),
            kind="table",
            name=table,
            hint="",
        )
    schema = register.table(table).schema
    for role, column in rule.roles.items():
        if column not in schema.by_name:
            section.wrong(column, f"table {table} has no column {column}")
        if role == "flag" and schema.by_name[column].type != "boolean":
            section.wrong(column, f"flag {column} of table {table} is not true or false")
    if rule.expression:
        try:
            check(rule.expression, schema)
        except ExpressionError as error:
            error.problem += f" (table {table})"
            _wrong_expression(section, rule.id, rule.kind, error)


def _wrong_expression(section: Section, rule: str, kind: str, error: ExpressionError) -> NoReturn:
    raise ReleaseError(
        "E145",
        file=section.document.name,
        line=section.line_of(kind),
        rule=rule,
        problem=error.problem,
        position=error.position,
    ) from None
