"""``[[aggregates]]`` of a policy: what is read, what is given exactly, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.anonymise.aggregates import Aggregate
from epc_release.anonymise.policy import load_policy
from epc_release.errors import ReleaseError
from epc_release.release.aggregates import given
from epc_release.schemas.register import Register

Write = Callable[..., Path]
TABLE = """
[[aggregates]]
id = "stock"
table = "homes"
title = "Homes"
dimensions = ["authority", { column = "lodged", name = "year", rule = "generalise", to = "year" }]
where = "band = 'A'"
margins = [["year"], []]
measure = "count"
protection = "cell-key"
threshold = 10
round_to = 5
why = "asked for"
"""


def _read(write: Write, toy: Register, old: str = "", new: str = "") -> Aggregate:
    assert old in TABLE
    (made,) = load_policy(write("", TABLE.replace(old, new, 1)), toy).aggregates
    return made


def test_what_a_table_says(write: Write, toy: Register) -> None:
    made = _read(write, toy)
    assert (made.id, made.table, made.names) == ("stock", "homes", ("authority", "year"))
    assert made.margins == (("year",), ())
    assert made.told == {"authority", "lodged", "band"}
    assert (made.threshold, made.round_to) == (10, 5)
    assert made.ptable is not None
    assert made.ptable.name == "10-5-rule"
    fields = made.schema().by_name
    assert list(fields) == ["authority", "year", "count", "count_symbol"]
    assert {fields[name].type for name in ("authority", "year")} == {"string"}


EXACT = [
    ("", "", True),  # the records tell the quarter, the table only the year
    ('rule = "generalise", to = "year"', 'rule = "generalise", to = "quarter"', True),
    ('rule = "generalise", to = "year"', 'rule = "generalise", to = "month"', False),
    ('column = "lodged", name = "year", rule = "generalise", to = "year"', 'column = "area"', True),
    (
        'column = "lodged", name = "year", rule = "generalise", to = "year"',
        'column = "area", name = "year", rule = "bin", edges = [50, 100.5]',
        True,
    ),
    (
        'column = "lodged", name = "year", rule = "generalise", to = "year"',
        'column = "area", name = "year", rule = "bin", edges = [50, 100]',
        False,
    ),
    (
        'column = "lodged", name = "year", rule = "generalise", to = "year"',
        'column = "country", name = "year", rule = "keep_known"',
        False,
    ),
]


@pytest.mark.parametrize(("old", "new", "exact"), EXACT)
def test_when_the_records_give_it(
    write: Write, toy: Register, old: str, new: str, exact: bool
) -> None:
    text = TABLE.replace(old, new, 1) if old else TABLE
    if 'column = "area"' in text and "name" not in text.partition("dimensions")[2].splitlines()[0]:
        text = text.replace('margins = [["year"], []]', "margins = [[]]")
    (made,) = load_policy(write("", text), toy).aggregates
    assert made.exact == exact
    assert given(made, frozenset()) == exact
    assert given(made, frozenset({"postcode"})) == exact
    assert not given(made, frozenset({"band"}))  # a column of its filter is starred
    assert not given(made, None)  # rows were dropped


def test_one_of_published_records_is_always_given(write: Write, toy: Register) -> None:
    text = TABLE.replace('"cell-key"', '"none-exact"')
    text = text.replace("threshold = 10\nround_to = 5\n", "")
    (made,) = load_policy(write("", text), toy).aggregates
    assert (made.threshold, made.round_to, made.ptable) == (None, None, None)
    assert given(made, None)


def test_a_hash_of_what_is_used(write: Write, toy: Register) -> None:
    first = load_policy(write("", TABLE), toy)
    other = load_policy(
        write("", TABLE.replace("round_to", 'ptable = "10-5-random"\nround_to')), toy
    )
    assert first.sha256 != other.sha256
    assert first.needs_cell_key
    assert not load_policy(write(), toy).needs_cell_key


WRONG = [
    ('id = "stock"', 'id = "Stock"', "lower-case words"),
    ('id = "stock"', 'id = "homes"', "name of another table"),
    ('table = "homes"', 'table = "works"', "must be one of homes"),
    ('["authority"', '["uprn"', "no column uprn is published"),
    ('["authority"', '["number"', "an identifier"),
    ('["authority"', "[1", "list of texts and tables"),
    ('["authority"', '["authority", "authority"', "stand once"),
    ('name = "year"', 'name = "count"', "not count"),
    ('name = "year"', 'name = "A year"', "lower-case letters"),
    ('column = "lodged"', 'column = "lodgd"', "no column lodgd"),
    ('to = "year"', 'to = "decade"', "dates go to"),
    ('rule = "generalise", to = "year"', 'rule = "keep"', "must be one of"),
    ('rule = "generalise", to = "year"', 'rule = "generalise", to = "year", by = 1', "by is not"),
    ("where = \"band = 'A'\"", "where = \"band = 'Z'\"", "never has this value"),
    ("where = \"band = 'A'\"", 'where = "cancelled"', "no column cancelled"),
    ("where = \"band = 'A'\"", 'where = "band ="', "where, character 7"),
    ('[["year"], []]', '[["yaer"]]', "some of the dimensions"),
    ('[["year"], []]', '[["authority", "year"]]', "some of the dimensions"),
    ('[["year"], []]', '[["year"], ["year"]]', "name one twice"),
    ('[["year"], []]', '["year"]', "list of lists"),
    ('measure = "count"', 'measure = "sum"', "must be one of count"),
    ("threshold = 10", "threshold = 0", "from 1 on"),
    ("round_to = 5", "round_to = 5.5", "whole number"),
    ("threshold = 10", "threshold = 20", "below the threshold 20"),
    ("round_to = 5", "round_to = 10", "not multiples of 10"),
    ("round_to = 5", 'round_to = 5\nptable = "mine"', "must be one of 10-5-random"),
    ("round_to = 5", "round_to = 5\nsecret = 1", "secret is not a key"),
    ('to = "year" }]', 'to = "month" }]\nprotection = "none-exact"', None),
]


@pytest.mark.parametrize(("old", "new", "says"), WRONG)
def test_what_is_refused(write: Write, toy: Register, old: str, new: str, says: str | None) -> None:
    assert old in TABLE
    text = TABLE.replace(old, new, 1)
    if says is None:
        text, says = text.replace('protection = "cell-key"\n', ""), "so it needs protection"
    with pytest.raises(ReleaseError, match=says) as caught:
        load_policy(write("", text), toy)
    assert caught.value.problem.code == "E141"
    assert "test.toml" in str(caught.value)
