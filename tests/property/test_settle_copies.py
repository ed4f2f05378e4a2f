"""Copies of a key: settled as a slow, plain reading of the rule would, in any order."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.records import DECISION, STAYS, rejected
from epc_release.release.settle import DIGEST, KEY, resolve_copies

EXCLUDED, REFUSED = 3, rejected("type-date")
RECORD = st.tuples(
    st.integers(0, 4),  # key
    st.integers(0, 2),  # content
    st.integers(0, 2),  # problems
    st.sampled_from([STAYS, STAYS, STAYS, EXCLUDED, REFUSED]),
)


def prints(records: list[tuple[int, int, int, int]]) -> pl.DataFrame:
    numbers = list(range(len(records)))
    columns = {
        **{name: [r[0] for r in records] for name in KEY},
        **{name: [r[1] for r in records] for name in DIGEST},
        "__problems": [r[2] for r in records],
        "__decision": [r[3] for r in records],
        "__row": numbers,
        "__chunk": numbers,
    }
    return pl.DataFrame(columns).with_columns(
        pl.col(*KEY, *DIGEST, "__problems").cast(pl.UInt64),
        pl.col("__decision").cast(DECISION),
        pl.col("__row", "__chunk").cast(pl.UInt32),
    )


def expected(records: list[tuple[int, int, int, int]]) -> dict[int, int]:
    """The rule, one key at a time."""
    by_key: dict[int, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        by_key[record[0]].append(number)
    found = {}
    for numbers in by_key.values():
        staying = [n for n in numbers if records[n][3] == STAYS]
        equal = len({records[n][1] for n in numbers}) == 1 and len(staying) == len(numbers)
        first = min(numbers, key=lambda n: (records[n][2], n))
        for number in numbers:
            if number not in staying or len(numbers) == 1:
                found[number] = records[number][3]
            elif equal:
                found[number] = STAYS if number == first else rejected("duplicate-row")
            else:
                found[number] = rejected("duplicate-key")
    return found


@given(st.lists(RECORD, max_size=30))
def test_each_copy_is_decided_as_the_rule_says(records: list[tuple[int, int, int, int]]) -> None:
    settled = resolve_copies(prints(records))
    assert dict(zip(settled["__row"], settled["__decision"], strict=True)) == expected(records)
    assert settled["__before"].sort().to_list() == sorted(r[3] for r in records)


@given(st.lists(RECORD, max_size=30), st.randoms())
def test_the_order_of_input_changes_no_count(
    records: list[tuple[int, int, int, int]], random: object
) -> None:
    shuffled = sorted(records, key=lambda _: random.random())  # type: ignore[attr-defined]
    ours, theirs = resolve_copies(prints(records)), resolve_copies(prints(shuffled))
    columns = [KEY[0], DIGEST[0], "__problems", "__decision"]
    assert ours.select(columns).sort(columns).equals(theirs.select(columns).sort(columns))
