"""A plan runs over a typed frame: one query says which checks fail, a second one counts those."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, compress
from typing import Any

import polars as pl

from epc_release.schemas.checks.check import WHOLE_COLUMN, Check, Severity
from epc_release.schemas.checks.fallbacks import Fallback
from epc_release.schemas.checks.fields_match import MAY_HAVE_FEWER, MAY_HAVE_MORE

SAMPLE = 5


@dataclass(frozen=True)
class Finding:
    """What one check found: rows that violate it, and the first few of them (0-based).

    Codes of the frame itself (``missing-field``, ``extra-field``, ``field-order``, ``type``) count
    all rows and name none. No value is kept.
    """

    field: str
    code: str
    severity: Severity
    count: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The checks of one Table Schema and the dtypes that its columns must have, in order.

    ``fallbacks`` tell which columns are not compiled to expressions, and why. ``fields_match`` says
    whether columns may be more, fewer or in another order.
    """

    dtypes: Mapping[str, pl.DataType]
    checks: tuple[Check, ...]
    fallbacks: tuple[Fallback, ...] = ()
    fields_match: str = "exact"

    def run(self, frame: pl.DataFrame) -> tuple[Finding, ...]:
        """Check every value of ``frame``; text may be Categorical or Enum. Order: of the schema.

        A column of another dtype is one ``type`` finding and is not looked into further.
        """
        structure = tuple(_structure(self, frame))
        sound = {name for name in self.dtypes if name in frame.columns} - {
            finding.field for finding in structure if finding.code == "type"
        }
        checks = [check for check in self.checks if sound.issuperset(check.columns)]
        failing = _failing(checks, frame)
        return (*structure, *(_count(check, frame) for check in failing))


def _structure(plan: Plan, frame: pl.DataFrame) -> list[Finding]:
    dtypes, mode = plan.dtypes, plan.fields_match

    def finding(field: str, code: str) -> Finding:
        return Finding(field, code, "error", frame.height, ())

    required = {check.field for check in plan.checks if check.code == "required"}
    due = required if mode in MAY_HAVE_FEWER else set(dtypes)
    found = [finding(n, "missing-field") for n in dtypes if n in due and n not in frame.columns]
    if mode not in MAY_HAVE_MORE:
        found += [finding(name, "extra-field") for name in frame.columns if name not in dtypes]
    shared = [name for name in frame.columns if name in dtypes]
    expected = [name for name in dtypes if name in frame.columns]
    out_of_place = [name for name, own in zip(shared, expected, strict=True) if name != own]
    if out_of_place and mode == "exact":
        found.append(finding(out_of_place[0], "field-order"))
    found += [
        finding(name, "type") for name in shared if not _agrees(frame.schema[name], dtypes[name])
    ]
    return found


def _agrees(found: pl.DataType, expected: pl.DataType) -> bool:
    return found == expected or (expected == pl.String and _is_coded(found))


def _is_coded(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Categorical | pl.Enum)


def _failing(checks: list[Check], frame: pl.DataFrame) -> list[Check]:
    """Checks with at least one violation, in order."""
    coded = {name for name, dtype in frame.schema.items() if _is_coded(dtype)}
    once = [check for check in checks if _is_text_of(coded, check)]
    rest = [check for check in checks if not _is_text_of(coded, check)]
    failed = {*_failing_texts(once, frame), *_failing_rows(rest, frame)}
    return [check for check in checks if check in failed]


def _is_text_of(coded: set[str], check: Check) -> bool:
    return check.field in coded and check.code not in WHOLE_COLUMN


def _failing_rows(checks: list[Check], frame: pl.DataFrame) -> list[Check]:
    found = frame.select(
        check.violations(pl.col(check.field)).any().alias(str(number))
        for number, check in enumerate(checks)
    )
    return list(compress(checks, found.row(0))) if checks else []


def _failing_texts(checks: list[Check], frame: pl.DataFrame) -> Iterator[Check]:
    """Coded text: each rule once, over the distinct texts of all columns that share it."""
    names = {check.field for check in checks}
    distinct = frame.select(pl.col(name).unique().cast(pl.String).implode() for name in names)
    texts = {column.name: column.explode(empty_as_null=False) for column in distinct}
    for sharing in _by_rule(checks).values():
        columns = [texts[check.field] for check in sharing]
        joined = pl.concat([column.alias("text") for column in columns]).to_frame()
        bad = joined.select(sharing[0].violations(pl.col("text"))).to_series().arg_true().to_list()
        ends = list(accumulate(column.len() for column in columns))
        yield from (sharing[number] for number in {bisect_right(ends, place) for place in bad})


def _by_rule(checks: list[Check]) -> Mapping[tuple[str, Any, Any], list[Check]]:
    rules: dict[tuple[str, Any, Any], list[Check]] = {}
    for check in checks:
        rules.setdefault((check.code, check.limit, check.logical), []).append(check)
    return rules


def _count(check: Check, frame: pl.DataFrame) -> Finding:
    values = pl.col(check.field)
    if _is_coded(frame.schema[check.field]) and check.code not in WHOLE_COLUMN:
        values = values.cast(pl.String)
    rows = frame.select(check.violations(values)).to_series().arg_true()
    first = tuple(rows.head(SAMPLE).to_list())
    return Finding(check.field, check.code, check.severity, rows.len(), first)
