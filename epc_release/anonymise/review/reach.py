"""What record rules can ever exclude, tried on every kind of record that their tests tell apart.

A test compares columns with constants and with one another, so that a column's values fall into few
kinds: each constant, what lies between two of them, and missing. The real rules are applied to a
table of all combinations. Where these are too many, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise, product
from math import prod
from typing import Any

import polars as pl

from epc_release.anonymise.expression import Literal
from epc_release.anonymise.recordrules import RecordRule
from epc_release.anonymise.screen import DTYPES, ScreenContext, excludes
from epc_release.schemas.register import Table
from epc_release.schemas.table import Field

MOST = 50_000  # combinations
OTHER_TEXT = "none of those that are named"


def verdicts(
    rules: Sequence[RecordRule], table: Table, context: ScreenContext
) -> list[pl.Series] | None:
    """For each rule (``keep_if`` or ``drop_if``) which kinds of records it excludes by itself.

    Boolean, one for each kind, the same kinds for all rules; None where there are too many kinds.
    """
    names = sorted({name for rule in rules for name in rule.inputs})
    constants = [each for rule in rules for each in _constants(rule.expression)]
    kinds = [list(_kinds(table.schema.by_name[name], constants, context)) for name in names]
    if prod(map(len, kinds)) > MOST:
        return None
    schema = {n: DTYPES.get(table.schema.by_name[n].type, pl.String()) for n in names}
    frame = pl.DataFrame(list(product(*kinds)), schema=schema, orient="row")
    return [
        frame.select(excludes(rule, table.schema, context).alias("it")).to_series()
        for rule in rules
    ]


def _constants(node: object) -> Iterator[Any]:
    """The constants of an expression."""
    if isinstance(node, Literal):
        yield node.value
    elif isinstance(node, tuple):
        for part in node:
            yield from _constants(part)
    elif is_dataclass(node):
        for each in fields(node):
            yield from _constants(getattr(node, each.name))


def _kinds(field: Field, constants: Iterable[Any], context: ScreenContext) -> Iterator[Any]:
    """A value of each kind that the column can have."""
    if not field.required:
        yield None
    local = context.local_cutoff
    if field.type == "boolean":
        yield from (True, False)
    elif field.constraints.get("enum"):
        yield from field.constraints["enum"]
    elif field.type in ("integer", "number"):
        numbers = [c for c in constants if isinstance(c, int | float) and not isinstance(c, bool)]
        yield from (n for n in _around(numbers, 1) if _within(n, field))
    elif field.type == "date":
        days = [c for c in constants if isinstance(c, date) and not isinstance(c, datetime)]
        yield from _around([*days, local.date()], timedelta(days=1))
    elif field.type == "datetime":
        moments = [c for c in constants if isinstance(c, datetime)]
        yield from _around([*moments, local], timedelta(seconds=1))
    else:
        yield from {c.strip().lower() for c in constants if isinstance(c, str)} | {OTHER_TEXT}


def _around(points: Iterable[Any], step: Any) -> list[Any]:
    """Every point, one below all, one above all, and one between each two neighbours."""
    known = sorted(set(points)) or [step]
    between = [low + (high - low) / 2 for low, high in pairwise(known)]
    return sorted({known[0] - step, *known, *between, known[-1] + step})


def _within(number: float, field: Field) -> bool:
    low, high = (field.constraints.get(name) for name in ("minimum", "maximum"))
    whole = field.type != "integer" or number == int(number)
    return whole and (low is None or number >= low) and (high is None or number <= high)
