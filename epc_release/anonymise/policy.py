"""Policies: who may be in a release and what may be told, read from a TOML file and checked.

Deny by default: every column of every table of the register, those that only the extract has
included, is named exactly once. Whatever is wrong with a policy stops before any data is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from epc_release.anonymise.aggregates import Aggregate, read_aggregates
from epc_release.anonymise.derive import derive_schema
from epc_release.anonymise.document import Document, Section, read_document
from epc_release.anonymise.keysets import KeySet, Told, read_key_sets
from epc_release.anonymise.latest import LatestFlag, read_latest
from epc_release.anonymise.recordrules import RecordRule, read_record_rules
from epc_release.anonymise.releaserules import ReleaseRules, read_release_rules
from epc_release.anonymise.rules import RULES, Reading, Rule
from epc_release.anonymise.rules.base import MisfitError
from epc_release.anonymise.rules.plain import Keep
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.told import FieldRule, Rules, paths, published_names
from epc_release.anonymise.used import Used
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import Field

POLICIES = Path(__file__).parent / "policies"
# What a column is to somebody who wants to recognise a record (disclosure.md, "Differencing").
CLASSES = ("identifier", "key", "sensitive", "other")


@dataclass(frozen=True)
class Policy:
    """A checked policy. ``tables`` maps table -> column -> its rule; ``records`` and the key sets
    of ``risk`` are in order.

    ``used`` are the files that its rules follow; ``sha256`` is of the policy's own bytes, and where
    it uses others of these and their hashes.
    """

    name: str
    register: str
    title: str
    description: str
    access: str  # "registered" or "open"
    approved_by: str | None
    contains_personal_data: bool
    requires_control: bool
    records: tuple[RecordRule, ...]
    tables: Rules
    risk: tuple[KeySet, ...]
    sha256: str
    used: tuple[Used, ...] = ()
    latest: tuple[LatestFlag, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    release: ReleaseRules = ReleaseRules()  # noqa: RUF009  (frozen)

    @property
    def needs_key(self) -> bool:
        """Whether a secret key for pseudonyms must be given."""
        return any(
            isinstance(field.rule, Pseudonymise)
            for fields in self.tables.values()
            for field in fields.values()
        )

    @property
    def needs_cell_key(self) -> bool:
        """Whether a secret key for protected tables must be given."""
        return any(aggregate.needs_key for aggregate in self.aggregates)

    def latest_of(self, table: str) -> LatestFlag | None:
        """The flag for the latest record of each unit, where the table has one."""
        return next((flag for flag in self.latest if flag.table == table), None)

    @property
    def reasons(self) -> dict[str, str]:
        """Record rule id -> its coarse public reason, ``out-of-scope`` or ``withheld``."""
        return {rule.id: rule.reason for rule in self.records}

    @property
    def max_age(self) -> timedelta | None:
        """How old the suppression list may be at the cut-off (the strictest of its rules)."""
        return min((rule.max_age for rule in self.records if rule.max_age), default=None)


def load_policy(name_or_path: str | Path, register: Register) -> Policy:
    """The policy of that name for the register, or the one in that ``.toml`` file.

    Raises E140 to E147, naming file and line.
    """
    return _read(_open(name_or_path, register, None), register)


def try_policy(
    name_or_path: str | Path, register: Register
) -> tuple[Policy | None, tuple[ReleaseError, ...]]:
    """The policy, or None and everything that is wrong with it, in the order of its lines."""
    refused: list[ReleaseError] = []
    policy = None
    try:
        policy = _read(_open(name_or_path, register, refused), register)
    except ReleaseError as error:
        refused.append(error)
    refused.sort(key=lambda error: int(str(error.details.get("line", 0))))
    return (None if refused else policy), tuple(refused)


def policy_path(name_or_path: str | Path, register: Register) -> Path:
    """The file of a policy. Raises E140 for a name that the register has not."""
    return _path(str(name_or_path), register.name)


def _open(
    name_or_path: str | Path, register: Register, refused: list[ReleaseError] | None
) -> Document:
    return read_document(policy_path(name_or_path, register), str(name_or_path), refused)


def _read(document: Document, register: Register) -> Policy:
    top = document.top()
    if (named := top.text("register")) != register.name:
        top.wrong("register", f"this policy is for register {named}, not {register.name}")
    personal = False
    with document.part():
        personal = top.flag("contains_personal_data")
    tables = _read_fields(document, register, personal)
    # What key sets may name follows from the columns, so these must be right first.
    whole = not document.refused
    records = read_record_rules(document, register)
    risk = read_key_sets(document, register, _told(register, tables)) if whole else ()
    used = _used(tables)
    policy = Policy(
        name=top.text("name"),
        register=named,
        title=top.text("title"),
        description=" ".join(top.text("description").split()),
        access=top.text("access", ("registered", "open")),
        approved_by=top.text("approved_by") if "approved_by" in top else None,
        contains_personal_data=personal,
        requires_control=top.flag("requires_control", False),
        records=records,
        tables=tables,
        risk=risk,
        used=used,
        sha256=_hash(document, used),
        release=read_release_rules(document.section("release")),
    )
    with document.part():
        policy = replace(policy, latest=read_latest(document, register))
    if whole:
        policy = _with_aggregates(document, register, policy)
    if policy.access == "open" and personal and not policy.approved_by:
        top.wrong("access", "open access to personal data needs approved_by: who approved it")
    top.done()
    return policy


def _with_aggregates(document: Document, register: Register, policy: Policy) -> Policy:
    """With the tables of counts, which are read against what the policy publishes."""
    schemas = {table.name: derive_schema(table, policy) for table in register.tables}
    aggregates: tuple[Aggregate, ...] = ()
    with document.part():
        aggregates = read_aggregates(document, register, policy.tables, schemas)
    used = tuple(sorted({*policy.used, *(one for each in aggregates for one in each.used)}))
    return replace(policy, aggregates=aggregates, used=used, sha256=_hash(document, used))


def policy_names(register: str) -> tuple[str, ...]:
    """The policies that come with the package for a register."""
    return tuple(sorted(path.stem for path in (POLICIES / register).glob("*.toml")))


def identifying_policies(register: str) -> tuple[str, ...]:
    """The policies that come with the package under which records stay personal data."""
    return tuple(name for name in policy_names(register) if _says_personal(register, name))


def _says_personal(register: str, name: str) -> bool:
    text = (POLICIES / register / f"{name}.toml").read_text(encoding="utf-8")
    return bool(tomllib.loads(text)["contains_personal_data"])


def _path(given: str, register: str) -> Path:
    if given.endswith(".toml") or "/" in given:
        return Path(given)
    names = policy_names(register)
    if given not in names:
        problem = f"register {register} has the policies {', '.join(names) or '(none)'}"
        raise ReleaseError("E140", policy=given, problem=problem)
    return POLICIES / register / f"{given}.toml"


def _read_fields(
    document: Document, register: Register, personal: bool
) -> dict[str, dict[str, FieldRule]]:
    found: dict[str, dict[str, FieldRule]] = {table.name: {} for table in register.tables}
    named: set[tuple[str, str]] = set()  # those of refused groups too
    for section in document.sections("fields"):
        tables, names = section.texts("tables"), section.texts("columns")
        with document.part():
            _read_group(section, tables, names, register, personal, found)
        named |= {(table, column) for table in tables for column in names}
    for each in register.tables:
        with document.part():
            _refuse_unnamed(document, each, named)
    return found


def _read_group(
    section: Section,
    tables: tuple[str, ...],
    names: tuple[str, ...],
    register: Register,
    personal: bool,
    found: dict[str, dict[str, FieldRule]],
) -> None:
    document = section.document
    rule = section.text("rule", tuple(RULES))
    column_class, why = section.text("class", CLASSES), section.text("why")
    settings = section.left()
    for table in tables:
        if table not in found:
            _unknown(section, "table", table, tuple(found))
        for column in names:
            with document.part():
                field = _named(section, found[table], register, table, column)
                own = Section(document, f"rule {rule}", settings, section.line)
                made = _make(own, rule, register.table(table), field, register)
                own.done()
                if not personal and column_class == "identifier" and isinstance(made, Keep):
                    problem = "an identifier is not kept where contains_personal_data is false"
                    _misfit(section, rule, table, column, problem)
                line = section.line_of(column)
                told = FieldRule(column, made, column_class, why, line)
                if told.only_if_published and column_class != "identifier":
                    problem = "only_if_published is for columns of class identifier"
                    _misfit(section, rule, table, column, problem)
                found[table][column] = told


def _named(
    section: Section,
    found: Mapping[str, FieldRule],
    register: Register,
    table: str,
    column: str,
) -> Field:
    schema = register.table(table).schema
    if column not in schema.by_name:
        _unknown(section, f"column of table {table} called", column, schema.names)
    if column in found:
        raise ReleaseError(
            "E142",
            file=section.document.name,
            line=section.line_of(column),
            column=column,
            table=table,
            first=found[column].line,
        )
    return schema.by_name[column]


def _make(section: Section, rule: str, table: Table, field: Field, register: Register) -> Rule:
    try:
        return RULES[rule](Reading(section, field, table, register))
    except MisfitError as misfit:
        _misfit(section, rule, table.name, field.name, str(misfit))


def _misfit(section: Section, rule: str, table: str, column: str, problem: str) -> NoReturn:
    raise ReleaseError(
        "E146",
        file=section.document.name,
        line=section.line_of(column),
        rule=rule,
        table=table,
        column=column,
        problem=problem,
    ) from None


def _unknown(section: Section, kind: str, name: str, known: tuple[str, ...]) -> NoReturn:
    near = get_close_matches(name, known, 1)
    raise ReleaseError(
        "E143",
        file=section.document.name,
        line=section.line_of(name),
        kind=kind,
        name=name,
        hint=f" (is it {near[0]}?)" if near else "",
    )


def _refuse_unnamed(document: Document, table: Table, named: set[tuple[str, str]]) -> None:
    unnamed = [name for name in table.schema.names if (table.name, name) not in named]
    if unnamed:
        columns = ", ".join(unnamed)
        raise ReleaseError("E144", file=document.name, table=table.name, columns=columns)


def _told(register: Register, rules: Rules) -> dict[str, Told]:
    """By table, what key sets need to know."""
    return {
        table.name: Told(
            classes={n: rules[table.name][n].column_class for n in published_names(table, rules)},
            paths=paths(table, rules),
            fixed=frozenset((*table.key, *table.schema.primary_key)),
            loose=tuple(
                each.name
                for each in register.tables
                if table.name in (each.name, each.parent) and not _joined(rules, each.name, table)
            ),
        )
        for table in register.tables
    }


def _joined(rules: Rules, name: str, parent: Table) -> bool:
    """Whether the table, the parent or a child of it, publishes the key as the parent does."""
    return all(
        isinstance(rules[name][column].rule, Keep | Pseudonymise)
        and rules[name][column].rule == rules[parent.name][column].rule
        for column in parent.key
    )


def _used(tables: Rules) -> tuple[Used, ...]:
    """What the rules follow besides the policy, each once, by kind and name."""
    rules = (field.rule for fields in tables.values() for field in fields.values())
    return tuple(sorted({used for rule in rules for used in rule.used}))


def _hash(document: Document, used: tuple[Used, ...]) -> str:
    hashes = "".join(sorted({each.sha256 for each in used}))
    return sha256(document.raw + hashes.encode()).hexdigest()
