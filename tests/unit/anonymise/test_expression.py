"""The grammar of expressions: what it takes, and where it says a text is wrong."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from epc_release.anonymise.compile import Compiler, check
from epc_release.anonymise.expression import ExpressionError, columns, parse
from epc_release.schemas.register import Register


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("country =", 10),
        ("country in []", 13),
        ("country in ['a'", 16),
        ("(cancelled", 11),
        ("cancelled cancelled", 11),
        ("country == 'a'", 10),
        ("country in [score]", 13),
        ("lodged < 2024-02-30", 10),
        ("country is 'a'", 12),
        ("__import__('os')", 11),
        ("score; 1", 6),
        ("'a'", 4),
        ("(" * 500 + "cancelled" + ")" * 500, 31),
        ("not " * 500 + "cancelled", 121),
    ],
)
def test_what_does_not_parse_says_where(text: str, position: int) -> None:
    with pytest.raises(ExpressionError) as wrong:
        parse(text)
    assert wrong.value.position == position


@pytest.mark.parametrize(
    "text",
    [
        "score = 'a'",
        "country < 'a'",
        "cancelled > true",
        "country",
        "nothing = 1",
        "lodged <= moment",
        "1 = 1",
        "cutoff = 2024-01-01",
        "score <= cutoff",
        "country = 'Ruritania'",
        "moment < 2024-01-01",
    ],
)
def test_what_does_not_fit_the_schema(text: str, toy: Register) -> None:
    with pytest.raises(ExpressionError):
        check(parse(text), toy.table("homes").schema)


FRAME = pl.DataFrame(
    {
        "country": pl.Series(["England", "WALES ", None], dtype=pl.Categorical),
        "score": [1, 2, None],
        "area": [1.5, 2.5, None],
        "cancelled": [True, False, None],
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country in ['england', 'Wales']", [True, True, None]),
        ("country not in ['england']", [False, True, None]),
        ('country != "Scotland"', [True, True, None]),
        ("not country is missing", [True, True, False]),
        ("country is not missing", [True, True, False]),
        ("score >= 2 or cancelled", [True, True, None]),
        ("score = 1 and not cancelled = false", [True, False, None]),
        ("score < area", [True, True, None]),
        ("2 > score", [True, False, None]),
        ("area > -1.5 and (cancelled or country is missing)", [True, False, None]),
    ],
)
def test_values(text: str, expected: list[bool | None], toy: Register) -> None:
    schema = toy.table("homes").schema
    node = parse(text)
    check(node, schema)
    compiled = Compiler(schema, datetime(2024, 1, 1))(node)
    assert FRAME.select(compiled.alias("x"))["x"].to_list() == expected


def test_columns_are_found_in_order() -> None:
    node = parse("a = 1 and (not b or c in [1]) and d is missing and 1 < e")
    assert [column.name for column in columns(node)] == ["a", "b", "c", "d", "e"]
