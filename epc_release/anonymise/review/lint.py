"""Everything that is wrong with a policy at once, and what its reviewers should look at.

Errors are what reading refuses. Advice is what reading cannot refuse, because a statistician may
have a reason for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.policy import Policy, try_policy
from epc_release.anonymise.recordrules import RecordRule
from epc_release.anonymise.review.reach import verdicts
from epc_release.anonymise.rules.base import NUMERIC
from epc_release.anonymise.rules.masktext import MaskText
from epc_release.anonymise.rules.numbers import BottomCode, Round, TopCode
from epc_release.anonymise.rules.plain import Keep, KeepKnown
from epc_release.anonymise.screen import ScreenContext
from epc_release.anonymise.told import FieldRule, published_names
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import Field

SMALL_K = 3  # below, the two of a class know each other's values
NO_REASON = frozenset({"-", "--", "...", "?", "n/a", "none", "tbc", "tbd", "todo", "why", "x"})
# Any moment will do: rules are tried before it, at it and after it.
MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Finding:
    """``severity`` is ``error`` or ``advice``; ``code`` names the error's page or the advice.

    ``line`` is that of the policy file, None where it is about no line in particular.
    """

    severity: str
    code: str
    line: int | None
    says: str


def lint(name_or_path: str | Path, register: Register) -> tuple[Finding, ...]:
    """All findings, errors first, each in the order of lines; advice where there are no errors."""
    policy, refused = try_policy(name_or_path, register)
    if policy is None:
        return tuple(
            Finding(
                "error",
                error.problem.code,
                int(str(error.details["line"])) if "line" in error.details else None,
                str(error).removeprefix(f"{error.problem.code}: "),
            )
            for error in refused
        )
    found = (one for check in CHECKS for one in check(policy, register))
    return tuple(sorted(found, key=lambda one: one.line or 0))


def _advice(code: str, line: int | None, says: str) -> Finding:
    return Finding("advice", code, line, says)


def _published(policy: Policy, register: Register) -> Iterator[tuple[Table, Field, FieldRule]]:
    """What is published, each column of each table."""
    for table in register.tables:
        for name in published_names(table, policy.tables):
            yield table, table.schema.by_name[name], policy.tables[table.name][name]


def no_key_set(policy: Policy, register: Register) -> Iterator[Finding]:
    """A policy that promises no personal data has a key set for every table of records."""
    if policy.contains_personal_data:
        return
    for table in register.tables:
        if table.parent is None and not _sets(policy, table):
            says = f"table {table.name} has no [[risk]]: nothing is measured and nothing suppressed"
            yield _advice("no-key-set", None, says)


def key_in_no_set(policy: Policy, register: Register) -> Iterator[Finding]:
    """Columns of class ``key`` that no key set of their table names."""
    found = _outside(policy, register, "key", lambda each: each.keys)
    for table, names, line in found:
        says = f"{table}: keys that no key set counts on: {', '.join(names)}"
        yield _advice("key-in-no-set", line, says)


def sensitive_unmeasured(policy: Policy, register: Register) -> Iterator[Finding]:
    """Columns of class ``sensitive`` that no key set of their table measures."""
    found = _outside(
        policy, register, "sensitive", lambda each: [one.column for one in each.sensitive]
    )
    for table, names, line in found:
        says = f"{table}: sensitive, and no key set asks for l or t: {', '.join(names)}"
        yield _advice("sensitive-unmeasured", line, says)


def _outside(
    policy: Policy, register: Register, wanted: str, named: Callable[[KeySet], Iterable[str]]
) -> Iterator[tuple[str, list[str], int]]:
    """Tables with key sets, their columns of a class that none of these names, and a line."""
    for table in register.tables:
        sets = _sets(policy, table)
        inside = {name for each in sets for name in named(each)}
        fields = [policy.tables[table.name][n] for n in published_names(table, policy.tables)]
        out = [f for f in fields if f.column_class == wanted and f.column not in inside]
        if sets and out:
            yield table.name, [field.column for field in out], min(field.line for field in out)


def small_k(policy: Policy, _: Register) -> Iterator[Finding]:
    """k below SMALL_K."""
    for each in policy.risk:
        if each.k < SMALL_K:
            says = f"key set {each.id} of {each.table}: k = {each.k}: one of two knows the other"
            yield _advice("small-k", each.line, says)


def no_reason(policy: Policy, register: Register) -> Iterator[Finding]:
    """A ``why`` or ``legal`` that is only a place for one."""
    named: list[tuple[str, str, int | None]] = [
        *((f"key set {each.id}", each.why, each.line) for each in policy.risk),
        *((f"record rule {rule.id}", rule.legal, None) for rule in policy.records),
    ]
    for table in register.tables:
        rules = policy.tables[table.name].values()
        named += [(f"{table.name}: {told.column}", told.why, told.line) for told in rules]
    for what, why, line in named:
        if why.strip().strip(".").lower() in NO_REASON or not any(map(str.isalnum, why)):
            yield _advice("no-reason", line, f"{what} gives no reason")


def unbounded_text(policy: Policy, register: Register) -> Iterator[Finding]:
    """Text that is published as it is although nothing says what it may be."""
    if policy.contains_personal_data:
        return
    for table, field, told in _published(policy, register):
        bounded = {"enum", "pattern"} & set(field.constraints)
        free = field.type not in (*NUMERIC, "boolean", "date", "datetime") and not bounded
        if isinstance(told.rule, Keep) and free:
            says = f"{table.name}: {field.name} is text that may hold anything, and is kept"
            yield _advice("unbounded-text", told.line, says)


def unreviewed(policy: Policy, register: Register) -> Iterator[Finding]:
    """A vocabulary with phrases that nobody is named for."""
    told: dict[str, FieldRule] = {}
    for _, _, field in _published(policy, register):
        if isinstance(field.rule, MaskText):
            told.update({each.used.name: field for each in field.rule.vocabularies if each.unread})
    for name, field in told.items():
        rule = field.rule
        if isinstance(rule, MaskText):
            count = next(each.unread for each in rule.vocabularies if each.used.name == name)
            says = f"vocabulary {name}: nobody is named as reviewer of {count} phrases"
            yield _advice("unreviewed", field.line, says)


def never_changes(policy: Policy, register: Register) -> Iterator[Finding]:
    """A limit outside of what the column can hold, or a listed value that it never has."""
    for table, field, told in _published(policy, register):
        if says := _idle(told, field):
            yield _advice("never-matches", told.line, f"{table.name}: {field.name}: {says}")


def _idle(told: FieldRule, field: Field) -> str | None:
    low, high = (field.constraints.get(name) for name in ("minimum", "maximum"))
    match told.rule:
        case Round(bottom=bottom, top=top) | TopCode(bottom=bottom, top=top):
            pass
        case BottomCode(bottom=bottom, top=top):
            pass
        case KeepKnown(values=values) if field.constraints.get("enum"):
            known = {str(value).strip().lower() for value in field.constraints["enum"]}
            strange = sum(str(value).strip().lower() not in known for value in values)
            return f"{strange} of the listed values can never occur" if strange else None
        case _:
            return None
    if top is not None and high is not None and top > high:
        return f"its schema allows {high} at most, so that the limit {top} never matters"
    if bottom is not None and low is not None and bottom < low:
        return f"its schema allows {low} at least, so that the limit {bottom} never matters"
    return None


def never_excludes(policy: Policy, register: Register) -> Iterator[Finding]:
    """A record rule that can exclude nothing, or leaves nothing, or comes after one that took it
    all."""
    context = ScreenContext(MOMENT, register.timezone)
    for table in (table for table in register.tables if table.parent is None):
        rules = [rule for rule in policy.records if table.name in rule.tables and rule.expression]
        useful = []
        for rule in rules:
            alone = verdicts([rule], table, context)
            if alone is None or (alone[0].any() and not alone[0].all()):
                useful.append(rule)
                continue
            says = "excludes every record" if alone[0].all() else "can never exclude a record"
            yield _advice("never-matches", None, f"{table.name}: record rule {rule.id} {says}")
        yield from _shadowed(useful, table, context)


def _shadowed(rules: list[RecordRule], table: Table, context: ScreenContext) -> Iterator[Finding]:
    for first, second in combinations(rules, 2):
        both = verdicts([first, second], table, context) if first.inputs & second.inputs else None
        if both is not None and not (both[1] & ~both[0]).any():
            says = f"record rule {second.id} excludes nothing that {first.id} has not excluded"
            yield _advice("never-matches", None, f"{table.name}: {says}")


def _sets(policy: Policy, table: Table) -> list[KeySet]:
    return [each for each in policy.risk if each.table == table.name]


CHECKS: tuple[Callable[[Policy, Register], Iterator[Finding]], ...] = (
    no_key_set,
    key_in_no_set,
    sensitive_unmeasured,
    small_k,
    no_reason,
    unbounded_text,
    unreviewed,
    never_changes,
    never_excludes,
)
