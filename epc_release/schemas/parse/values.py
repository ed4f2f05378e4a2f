"""One column's distinct texts, parsed: the only way from text to a published value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from epc_release.schemas.checks.check import Check
from epc_release.schemas.checks.compile import value_checks
from epc_release.schemas.table import Field
from epc_release.schemas.types.codes import problem_number, warning_bit
from epc_release.schemas.types.read import Typed, read_text
from epc_release.schemas.types.text import normalise, rewrite


@dataclass(frozen=True)
class Parsed:
    """As many entries as texts were given, in their order.

    ``values``: Int64, Float64, Boolean, Date, Datetime("us") or String; null where missing or a
    problem. ``problem`` (UInt8): 0, or a position in ``PROBLEMS`` plus one. ``missing`` (Boolean):
    the text is a missing token. ``warning`` (UInt8): sum of 2**position in ``WARNINGS``; 0 where
    there is no value.
    """

    values: pl.Series
    problem: pl.Series
    missing: pl.Series
    warning: pl.Series


def parse_values(
    field: Field,
    missing: Collection[str],
    values: pl.Series,
    rewrites: Sequence[tuple[str, str]] = (),
    *,
    timezone: str = "Europe/London",
) -> Parsed:
    """Parse distinct texts (String; a null is missing) as values of ``field``.

    In order: white space is normalised; ``rewrites`` (regular expression, replacement) are applied;
    a text that is one of ``missing`` (compared exactly, after the same normalisation; the empty
    text only if it is listed) is missing; a text that differs from an ``enum`` value by case alone
    takes its spelling; the type is read; the closed constraints are checked and the first one
    violated is the problem; the rest may warn.
    Timestamps with an offset become local time of ``timezone``. Raises E130 to E133 for a schema
    that cannot be checked.
    """
    tokens = _normal(frozenset(missing))
    text = rewrite(normalise(values), rewrites)
    absent = text.is_in(tokens).fill_null(True)
    checks = value_checks(field)
    text = _canonical(checks, text) if field.type == "string" else text
    typed = read_text(field, text.set(absent, None) if absent.any() else text, timezone)
    found, problem = _errors(checks, typed)
    return Parsed(found, problem, absent, _warnings(checks, found, typed.cut))


@lru_cache(maxsize=4096)
def _normal(tokens: frozenset[str]) -> list[str]:
    return normalise(pl.Series(sorted(tokens), dtype=pl.String)).to_list()


def _canonical(checks: tuple[Check, ...], text: pl.Series) -> pl.Series:
    """Spellings of the enumeration; a text that is listed stays as it is."""
    for check in checks:
        if check.code == "enum":
            spelling = {value.lower(): value for value in reversed(check.limit)}
            foreign = ~text.is_in(check.limit)
            if foreign.any():
                own = text.str.to_lowercase().replace_strict(
                    spelling, default=None, return_dtype=pl.String
                )
                return own.zip_with(foreign & own.is_not_null(), text)
    return text


def _errors(checks: tuple[Check, ...], typed: Typed) -> tuple[pl.Series, pl.Series]:
    """Values without those that violate a closed constraint, and all problems."""
    values, problem = typed.values, typed.problems
    for check in checks:
        if check.severity == "error":
            broken = _violations(check, values)
            if broken.any():
                problem = problem.set(broken, problem_number(check.code))
                values = values.set(broken, None)
    return values, problem


def _warnings(checks: tuple[Check, ...], values: pl.Series, cut: pl.Series | None) -> pl.Series:
    found = pl.Series([0], dtype=pl.UInt8).new_from_index(0, values.len())
    for check in checks:
        if check.severity == "warning":
            broken = _violations(check, values)
            if broken.any():
                found = found | (broken.cast(pl.UInt8) * warning_bit(check.code))
    if cut is not None and cut.any():
        found = found | ((cut & values.is_not_null()).cast(pl.UInt8) * warning_bit("sub-second"))
    return found


def _violations(check: Check, values: pl.Series) -> pl.Series:
    broken = values.to_frame("values").select(check.violations(pl.col("values"))).to_series()
    return broken.fill_null(False)
