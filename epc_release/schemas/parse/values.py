"""One column's distinct texts, parsed: the only way from text to a published value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Final

import polars as pl

from epc_release.schemas.checks.check import Check, Severity
from epc_release.schemas.checks.compile import value_checks
from epc_release.schemas.table import Field
from epc_release.schemas.types.codes import WARNINGS, problem_number, warning_bit
from epc_release.schemas.types.read import Typed, read_text
from epc_release.schemas.types.text import normalise, rewrite

_FEW_TOKENS: Final = 6


@dataclass(frozen=True)
class Parsed:
    """As many entries as texts were given, in their order.

    ``values``: Int64, Float64, Boolean, Date, Datetime("us") or String (``DTYPES`` says which);
    null where missing or a problem. ``problem`` (UInt8): 0, or a position in ``PROBLEMS`` plus
    one. ``missing`` (Boolean): the text is a missing token. ``warning`` (UInt32): sum of
    2**position in ``WARNINGS``; 0 where there is no value. ``read`` are the values before
    constraints: what a key is compared by.
    """

    values: pl.Series
    read: pl.Series
    problem: pl.Series
    missing: pl.Series
    warning: pl.Series

    def findings(self) -> Iterator[tuple[Severity, int, pl.Series]]:
        """Of each code that was found: severity, position in ``PROBLEMS`` or ``WARNINGS``, where.

        The last is Boolean, as long as the values.
        """
        if self.problem.max():
            for problem in self.problem.unique().sort():
                if problem:
                    yield "error", problem - 1, self.problem == problem
        if self.warning.max():
            for bit in range(len(WARNINGS)):
                at = (self.warning // 2**bit) % 2 == 1
                if at.any():
                    yield "warning", bit, at


def parse_values(
    field: Field,
    missing: Collection[str],
    values: pl.Series,
    rewrites: Sequence[tuple[str, str]] = (),
    *,
    timezone: str = "Europe/London",
    exact: bool = False,
) -> Parsed:
    """Parse distinct texts (String; a null is missing) as values of ``field``.

    In order: white space is normalised; ``rewrites`` (regular expression, replacement) are applied;
    a text that is one of ``missing`` (compared exactly, after the same normalisation; the empty
    text only if it is listed) is missing; a text that differs from an ``enum`` value by case alone
    takes its spelling; the type is read; the closed constraints are checked and the first one
    violated is the problem; the rest may warn.
    Timestamps with an offset become local time of ``timezone``. Raises E130 to E137 for a schema
    that cannot be checked.

    If ``exact``, texts are judged as they stand, by the standard alone: nothing is normalised,
    rewritten or respelt, and ``read_text`` allows nothing besides.
    """
    tokens = _tokens(frozenset(missing), exact)
    text = values if exact else rewrite(normalise(values), rewrites)
    absent = _absent(text, tokens)
    checks = value_checks(field)
    text = _canonical(checks, text) if field.type == "string" and not exact else text
    present = text.set(absent, None) if absent.any() else text
    typed = read_text(field, present, timezone, exact=exact)
    found, problem, warning = _judged(checks, typed)
    return Parsed(found, typed.values, problem, absent, warning)


@lru_cache(maxsize=4096)
def _tokens(missing: frozenset[str], exact: bool) -> pl.Series:
    tokens = pl.Series(sorted(missing), dtype=pl.String)
    return tokens if exact else normalise(tokens)


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


def _absent(text: pl.Series, tokens: pl.Series) -> pl.Series:
    """Boolean: which texts are null or one of ``tokens``."""
    if 0 < tokens.len() <= _FEW_TOKENS:  # a comparison costs less than a set of them
        found: pl.Series = reduce(or_, (text == token for token in tokens))
    else:
        found = text.is_in(tokens.implode())
    return found.fill_null(True) if found.null_count() else found


def _judged(checks: tuple[Check, ...], typed: Typed) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Values without those that violate a closed constraint, all problems, and all warnings."""
    values, problem = typed.values, typed.problems
    warned = pl.Series([0], dtype=pl.UInt32).new_from_index(0, values.len())
    warnings: list[tuple[str, pl.Series]] = []
    for check, broken in _broken(checks, values):
        if check.severity == "error":
            first = broken & values.is_not_null()  # of several problems the first is told
            problem = problem.set(first, problem_number(check.code))
            values = values.set(broken, None)
        else:
            warnings.append((check.code, broken))
    if typed.cut is not None and typed.cut.any():
        warnings.append(("sub-second", typed.cut))
    for code, broken in warnings:
        warned = warned | ((broken & values.is_not_null()).cast(pl.UInt32) * warning_bit(code))
    return values, problem, warned


def _broken(checks: tuple[Check, ...], values: pl.Series) -> Iterator[tuple[Check, pl.Series]]:
    """The checks that some value breaks, and where (Boolean): all in one go, which is faster."""
    if not checks:
        return
    column = pl.col("values")
    found = values.to_frame("values").select(
        check.violations(column).fill_null(False).alias(str(place))
        for place, check in enumerate(checks)
    )
    for check, broken in zip(checks, found, strict=True):
        if broken.any():
            yield check, broken
