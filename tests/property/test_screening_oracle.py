"""Screening against a slow oracle in plain Python: order, three-valued logic, missing cells."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.compile import check
from epc_release.anonymise.expression import (
    Among,
    Both,
    Column,
    Compare,
    Cutoff,
    Either,
    Flag,
    Literal,
    Missing,
    Node,
    Not,
    columns,
    parse,
)
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.recordrules import RecordRule
from epc_release.anonymise.rules.plain import Drop
from epc_release.anonymise.screen import ScreenContext, bind
from epc_release.anonymise.told import FieldRule
from epc_release.schemas.register import Table
from epc_release.schemas.table import TableSchema

SCHEMA = TableSchema(
    {
        "fields": [
            {"name": "key", "type": "string"},
            {"name": "word", "type": "string"},
            {"name": "size", "type": "integer"},
            {"name": "day", "type": "date"},
            {"name": "flag", "type": "boolean"},
        ]
    }
)
TABLE = Table("t", SCHEMA, ("key",), "word", None, ("key",), "a", "m")
DTYPES = {
    "key": pl.String, "word": pl.Categorical, "size": pl.Int64, "day": pl.Date, "flag": pl.Boolean
}  # fmt: skip
CUTOFF = datetime(2020, 1, 3, 12, tzinfo=UTC)
OPTED_OUT = {"k1", "k3"}

days = st.dates(date(2020, 1, 1), date(2020, 1, 5))
words = st.sampled_from(["a", "A", "b", " b"])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.none() | st.sampled_from(["k1", "K-1", "k2", " k3"]),
            "word": st.none() | words,
            "size": st.none() | st.integers(-2, 2),
            "day": st.none() | days,
            "flag": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=30,
)
tests = st.one_of(
    st.just("flag"),
    st.just("day <= cutoff"),
    st.sampled_from(["word", "size", "day", "flag"]).map(lambda name: f"{name} is missing"),
    st.lists(words, min_size=1, max_size=2).map(
        lambda given: f"word in [{', '.join(map(repr, given))}]"
    ),
    st.tuples(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(-2, 2)).map(
        lambda given: f"size {given[0]} {given[1]}"
    ),
    st.tuples(st.sampled_from(["<", ">=", "="]), days).map(
        lambda given: f"day {given[0]} {given[1]}"
    ),
)
expressions = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} and {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} or {pair[1]})"),
    ),
    max_leaves=6,
)


def value_of(side: Any, row: dict[str, Any], missing_is_false: bool) -> Any:
    """A column's cell, a constant or the cut-off, as it is compared."""
    found = side
    if isinstance(side, Column):
        found = row[side.name]
        if side.name == "flag" and found is None and missing_is_false:
            return False
    elif isinstance(side, Literal):
        found = side.value
    elif isinstance(side, Cutoff):
        return CUTOFF.date()
    return found.strip().lower() if isinstance(found, str) else found


def compared(operator: str, a: Any, b: Any) -> bool | None:
    if a is None or b is None:
        return None
    answers: dict[str, bool] = {
        "=": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b
    }  # fmt: skip
    return answers[operator]


def combined(answers: list[bool | None], decisive: bool) -> bool | None:
    if decisive in answers:
        return decisive
    return None if None in answers else not decisive


def answer(node: Node, row: dict[str, Any], missing_is_false: bool) -> bool | None:
    """The three-valued answer for one record."""
    match node:
        case Flag(column):
            flag: bool | None = value_of(column, row, missing_is_false)
            return flag
        case Missing(column):
            return row[column.name] is None
        case Among(column, literals):
            found = value_of(column, row, missing_is_false)
            return None if found is None else found in [value_of(x, row, False) for x in literals]
        case Compare(operator, left, right):
            sides = [value_of(side, row, missing_is_false) for side in (left, right)]
            return compared(operator, *sides)
        case Not(part):
            found = answer(part, row, missing_is_false)
            return None if found is None else not found
        case Both(parts) | Either(parts):
            found = [answer(part, row, missing_is_false) for part in parts]
            return combined(found, isinstance(node, Either))


def excluded(rule: RecordRule, row: dict[str, Any]) -> bool:
    if rule.kind == "suppression_list":
        key = row["key"] and row["key"].replace("-", "").replace(" ", "").lower()
        flag = row["flag"]
        return key in OPTED_OUT or (not rule.missing_is_false if flag is None else flag)
    assert rule.expression is not None
    found = answer(rule.expression, row, rule.missing_is_false)
    return found is not True if rule.kind == "keep_if" else found is not False


def rule(number: int, kind: str, text: str, missing_is_false: bool) -> RecordRule:
    listed = kind == "suppression_list"
    return RecordRule(
        id=f"r{number}",
        tables=("t",),
        kind=kind,
        reason="withheld",
        legal="",
        expression=None if listed else parse(text),
        roles={"key": "key", "flag": "flag"} if listed else {},
        missing_is_false=missing_is_false,
    )


rules = st.lists(
    st.tuples(
        st.sampled_from(["keep_if", "drop_if", "suppression_list"]), expressions, st.booleans()
    ),
    max_size=4,
).map(lambda given: tuple(rule(n, *one) for n, one in enumerate(given)))


@given(rules, rows)
def test_the_first_rule_that_matches_counts(
    record_rules: tuple[RecordRule, ...], records: list[dict[str, Any]]
) -> None:
    for one in record_rules:
        if one.expression:
            check(one.expression, SCHEMA)
            assert {c.name for c in columns(one.expression)} <= one.inputs
    dropped = {name: FieldRule(name, Drop(), "other", "", 1) for name in SCHEMA.names}
    policy = Policy(
        "p", "r", "", "", "open", None, False, False, record_rules, {"t": dropped}, (), ""
    )
    bound = bind(policy, TABLE, frozenset(SCHEMA.names), ())
    context = ScreenContext(CUTOFF, "Europe/London", pl.Series("key", sorted(OPTED_OUT)))
    found = bound.screen(pl.DataFrame(records, schema=DTYPES), context)
    expected = [
        next((n for n, one in enumerate(record_rules, 1) if excluded(one, row)), 0)
        for row in records
    ]
    assert found.to_list() == expected
