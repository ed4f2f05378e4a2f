"""Cases run through the real rules: conform, screen and publish, as a build does."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.screen import Bound, ScreenContext, bind
from epc_release.anonymise.suppressions import canonical_key
from epc_release.errors import ReleaseError
from epc_release.release.conform.cells import Conformed, conform
from epc_release.release.trial.casefile import Case, CaseFile
from epc_release.schemas.register import Register, Table, TableDialect

ANYTHING = "*"


@dataclass(frozen=True)
class Difference:
    """What a case expected and what came instead; ``column`` is None where it is the record."""

    case: str
    column: str | None
    expected: str
    found: str

    def __str__(self) -> str:
        where = f", {self.column}" if self.column else ""
        return f"{self.case}{where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class CasesReport:
    """How many cases there were, and every difference."""

    file: str
    cases: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        told = [str(each) for each in self.differences]
        failed = len({each.case for each in self.differences})
        return "\n".join([*told, f"{self.file}: {self.cases} cases, {failed} of them differ."])

    def check(self) -> None:
        """Raises E156 where a case differs."""
        if self.differences:
            failed = len({each.case for each in self.differences})
            raise ReleaseError("E156", file=self.file, count=failed, cases=self.cases)


def run_cases(policy: Policy, register: Register, given: CaseFile) -> CasesReport:
    """Every case under the policy. A fresh key makes the pseudonyms: they are not published."""
    found: list[Difference] = []
    for table in register.tables:
        cases = [case for case in given.cases if case.table == table.name]
        if cases:
            found += _run(policy, register, table, given, cases)
    return CasesReport(given.path.name, len(given.cases), tuple(found))


def throwaway_key() -> Keyring:
    """A key that nobody keeps."""
    return Keyring(secrets.token_bytes(32))


def _run(
    policy: Policy, register: Register, table: Table, given: CaseFile, cases: Sequence[Case]
) -> Iterator[Difference]:
    names = table.schema.names
    bound = bind(policy, table, frozenset(names), (), sites=given.sites is not None)
    cells = _conformed(register, table, cases)
    listed = pl.Series("key", given.opted_out, dtype=pl.String)
    opted_out = listed.to_frame().select(canonical_key(pl.col("key"))).to_series()
    context = ScreenContext(given.cutoff, register.timezone, opted_out, sites=given.sites)
    decisions = bound.screen(cells.frame, context)
    published = bound.publish(cells.frame, throwaway_key())
    unreadable = {(row, names[column]) for row, column in _places(cells)}
    for row, case in enumerate(cases):
        bad = [column for at, column in sorted(unreadable) if at == row]
        if bad:
            yield Difference(case.name, bad[0], "a cell that can be read", "one that cannot")
        else:
            yield from _judged(case, bound, decisions[row], published.row(row, named=True))


def _conformed(register: Register, table: Table, cases: Sequence[Case]) -> Conformed:
    names = table.schema.names
    raw = pa.table({n: pa.array([case.record.get(n, "") for case in cases]) for n in names})
    dialect = TableDialect(
        dialect="cases",
        table=table.name,
        columns={name: name for name in names},
        input_only=frozenset(),
        optional=frozenset(),
        missing=dict.fromkeys(names, ("",)),
        screened_upstream=(),
    )
    return conform(raw, table.schema, dialect, names, register.timezone)


def _places(cells: Conformed) -> Iterator[tuple[int, int]]:
    yield from cells.errors.select("__row", "__column").iter_rows()


def _judged(
    case: Case, bound: Bound, decision: int, published: dict[str, object]
) -> Iterator[Difference]:
    rule = bound.reasons[decision - 1] if decision else None
    if case.excluded is not None or rule is not None:
        if case.excluded != rule:
            expected = f"excluded by {case.excluded}" if case.excluded else "published"
            yield Difference(
                case.name, None, expected, f"excluded by {rule}" if rule else "published"
            )
        return
    texts = {name: _text(value) for name, value in published.items()}
    for column, expected in case.publishes.items():
        if column not in texts:
            yield Difference(case.name, column, repr(expected), "a column that is not published")
        elif texts[column] != expected and not (expected == ANYTHING and texts[column]):
            yield Difference(case.name, column, repr(expected), repr(texts[column]))
    for number, text in enumerate(case.never, 1):
        for column, told in texts.items():
            if text.lower() in told.lower():
                yield Difference(case.name, column, f"never text {number}", "it is there")


def _text(value: object) -> str:
    """A published value as it is written: no decimals where there are none."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
