"""A policy bound to one table as one dialect provides it: screening and publishing of frames.

Screening: one row per record in, one decision per record out. A record that a rule cannot decide
about does not stay: ``keep_if`` keeps only what is true, ``drop_if`` excludes what is true *or
unknown* (a missing cell). Where a policy's rule says ``missing = "false"``, a missing true-or-false
cell is read as false. A record without a key is left to the key check, which rejects it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from time import process_time
from zoneinfo import ZoneInfo

import polars as pl

from epc_release.anonymise.compile import Compiler
from epc_release.anonymise.derive import derive_schema
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.latest import LatestFlag
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.recordrules import RecordRule
from epc_release.anonymise.rules.base import CellRule, Rule
from epc_release.anonymise.rules.generalise import UnknownValuesError
from epc_release.anonymise.rules.plain import Keep
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.ruletally import RuleTally, tally
from epc_release.anonymise.sites import Sites, canonical_postcode, canonical_uprn
from epc_release.anonymise.suppressions import canonical_key
from epc_release.costs import spent
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Table
from epc_release.schemas.table import TableSchema

DTYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
}


@dataclass(frozen=True)
class ScreenContext:
    """What rules compare with besides the record: ``cutoff`` is aware, ``opted_out`` and ``listed``
    (all that have an event) hold canonical keys (String, sorted), ``sites`` the secret list where
    one was given."""

    cutoff: datetime
    timezone: str
    opted_out: pl.Series = field(default_factory=lambda: pl.Series("key", [], dtype=pl.String))
    listed: pl.Series = field(default_factory=lambda: pl.Series("key", [], dtype=pl.String))
    sites: Sites | None = None

    @property
    def local_cutoff(self) -> datetime:
        """The cut-off as naive time of the register's zone, as times in the data are."""
        return self.cutoff.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)


@dataclass(frozen=True)
class Bound:
    """One table under a policy, for input that has certain columns; ``bind`` makes it.

    ``rules`` are applied in order; ``upstream`` names those that were applied before the files were
    made and cannot be applied again.
    """

    table: Table
    policy: Policy
    present: frozenset[str]
    rules: tuple[RecordRule, ...]
    upstream: tuple[str, ...]
    needs_suppressions: bool
    schema: TableSchema

    @property
    def reasons(self) -> tuple[str, ...]:
        """Ids of the rules: decision ``i`` of ``screen`` is ``reasons[i - 1]``."""
        return tuple(rule.id for rule in self.rules)

    @cached_property
    def screen_inputs(self) -> frozenset[str]:
        """Columns that decide about records."""
        return frozenset().union(*(rule.inputs for rule in self.rules))

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Columns to read and conform: those that decide and those of which something is told."""
        flag = self.latest.inputs if self.latest else frozenset()
        return self.screen_inputs | ((flag | frozenset(self.schema.names)) & self.present)

    @cached_property
    def latest(self) -> LatestFlag | None:
        return self.policy.latest_of(self.table.name)

    @cached_property
    def kept(self) -> frozenset[str]:
        """Columns whose cells are published as they are conformed."""
        rules = self.policy.tables[self.table.name]
        return frozenset(n for n in rules if isinstance(rules[n].rule, Keep))

    def screen(self, frame: pl.DataFrame, context: ScreenContext) -> pl.Series:
        """UInt8 per record: 0 stays, ``i`` is excluded by ``reasons[i - 1]``, the first that
        matches. ``frame`` has the columns of ``screen_inputs``."""
        verdict = pl.lit(0, pl.UInt8)
        for number, rule in reversed(list(enumerate(self.rules, 1))):
            matched = excludes(rule, self.table.schema, context)
            verdict = pl.when(matched).then(pl.lit(number, pl.UInt8)).otherwise(verdict)
        found = frame.select(verdict.alias("excluded")).to_series()
        return found if self.rules else found.new_from_index(0, frame.height)

    def listed(self, frame: pl.DataFrame, context: ScreenContext) -> pl.Series:
        """Positions in ``context.listed`` (UInt32, distinct) of the keys that records have."""
        rules = (rule for rule in self.rules if rule.kind == "suppression_list")
        column = next((rule.roles["key"] for rule in rules if "key" in rule.roles), None)
        if column is None or context.listed.is_empty():
            return pl.Series([], dtype=pl.UInt32)
        keys = frame.select(key=canonical_key(pl.col(column)))
        return context.listed.to_frame().with_row_index().join(keys, on="key", how="semi")["index"]

    def publish(self, frame: pl.DataFrame, keyring: Keyring | None) -> pl.DataFrame:
        """The published records: columns, order and types of the derived schema, rows as given.

        A column that the input does not have is missing throughout. Text of few values may
        be Categorical. A flag for the latest record of a unit is false where there is a unit: which
        is the latest is not known from these records alone. Raises E149 for a value outside its
        hierarchy.
        """
        return self.publish_counted(frame, keyring)[0]

    @spent("anonymise")
    def publish_counted(
        self, frame: pl.DataFrame, keyring: Keyring | None
    ) -> tuple[pl.DataFrame, dict[str, RuleTally]]:
        """The published records, and by column what its rule did."""
        made, tallies = [], {}
        for name in self.schema.names:
            start = process_time()
            values = self._publish(frame, name, keyring)
            source = frame[name] if name in frame.columns else None
            tallies[name] = tally(source, values, process_time() - start)
            made.append(values)
        return (pl.DataFrame(made) if made else pl.DataFrame(height=frame.height)), tallies

    def _publish(self, frame: pl.DataFrame, name: str, keyring: Keyring | None) -> pl.Series:
        dtype = DTYPES.get(self.schema.by_name[name].type, pl.String())
        if self.latest and name == self.latest.column:
            return _flag(frame, self.latest)
        if name not in frame.columns:
            return pl.Series(name, [None], dtype=dtype).new_from_index(0, frame.height)
        try:
            values = _changed(
                self.policy.tables[self.table.name][name].rule, frame[name], keyring
            ).alias(name)
        except UnknownValuesError as unknown:
            raise ReleaseError(
                "E149",
                table=self.table.name,
                column=name,
                count=unknown.count,
                hierarchy=unknown.hierarchy,
            ) from None
        return values if values.dtype in (dtype, pl.Categorical) else values.cast(dtype)


def _flag(frame: pl.DataFrame, flag: LatestFlag) -> pl.Series:
    """False where the record has a unit, else missing."""
    found = pl.Series(flag.column, [None], dtype=pl.Boolean).new_from_index(0, frame.height)
    if flag.unit not in frame.columns:
        return found
    return found.set(frame[flag.unit].is_not_null(), value=False)


def bind(
    policy: Policy,
    table: Table,
    present: frozenset[str],
    screened_upstream: Sequence[str],
    *,
    sites: bool = True,
) -> Bound:
    """Bind a policy to a table whose input has the columns ``present`` (our names).

    Without a list of ``sites`` no record is excluded by one, so a property's number that cannot be
    read decides nothing and is a cell like any other. Raises E148 where columns of rules are
    missing and the rules are not in ``screened_upstream``.
    """
    rules, upstream, needs_list = [], [], False
    blind: list[str] = []
    for rule in policy.records:
        if table.name not in rule.tables:
            continue
        done_upstream = rule.id in screened_upstream
        missing = sorted(rule.inputs - present)
        if missing and not done_upstream:
            blind.append(f"{rule.id} ({', '.join(missing)})")
            continue
        reduced = _with_present(rule, present) if missing else rule
        if reduced is None:
            upstream.append(rule.id)
            continue
        if rule.kind == "exclude_site" and not sites:
            continue
        rules.append(reduced)
        needs_list |= rule.kind == "suppression_list" and not done_upstream
    if blind:
        raise ReleaseError("E148", table=table.name, policy=policy.name, rules=", ".join(blind))
    return Bound(
        table=table,
        policy=policy,
        present=present,
        rules=tuple(rules),
        upstream=tuple(upstream),
        needs_suppressions=needs_list,
        schema=derive_schema(table, policy),
    )


def _with_present(rule: RecordRule, present: frozenset[str]) -> RecordRule | None:
    """A rule that was applied upstream, as far as it can be applied again: a list can by the key
    alone, so that an opt-out received since then counts."""
    roles = {role: column for role, column in rule.roles.items() if column in present}
    if not roles or (rule.kind == "suppression_list" and "key" not in roles):
        return None
    return replace(rule, roles=roles)


def _changed(rule: Rule, values: pl.Series, keyring: Keyring | None) -> pl.Series:
    with spent(f"rule {rule.name}"):
        match rule:
            case CellRule():
                return rule.apply(values)
            case Pseudonymise() if keyring is not None:
                return rule.apply(values, keyring)
    raise ValueError(f"rule {rule.name} cannot publish a column here")


def excludes(rule: RecordRule, schema: TableSchema, context: ScreenContext) -> pl.Expr:
    """True where the rule excludes; never null."""
    if rule.kind == "suppression_list":
        listed = canonical_key(pl.col(rule.roles["key"])).is_in(context.opted_out.implode())
        excluded = listed.fill_null(False)
        if "flag" in rule.roles:
            flag = pl.col(rule.roles["flag"])
            excluded = excluded | flag.fill_null(not rule.missing_is_false)
        return excluded
    if rule.kind == "exclude_site":
        return _at_site(rule, context.sites)
    if rule.expression is None:
        raise ValueError(f"rule {rule.id} has no expression")
    compiled = Compiler(schema, context.local_cutoff, rule.missing_is_false)(rule.expression)
    if rule.kind == "keep_if":
        return ~compiled.fill_null(False)
    return compiled.fill_null(True)


def _at_site(rule: RecordRule, sites: Sites | None) -> pl.Expr:
    """At an excluded site by UPRN or postcode, or with neither to tell it by."""
    if sites is None:
        return pl.lit(False)
    tests = {
        "uprn": (canonical_uprn, sites.uprns),
        "postcode": (canonical_postcode, sites.postcodes),
    }
    found = [
        tests[role][0](pl.col(column)).is_in(tests[role][1].implode())
        for role, column in rule.roles.items()
    ]
    unknown = pl.all_horizontal(test.is_null() for test in found)
    return pl.any_horizontal(test.fill_null(False) for test in found) | unknown
