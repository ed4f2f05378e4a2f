"""The newest record of a key: settled as a slow, plain reading of the rule would."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.latest import LATEST, REMOVES
from epc_release.release.records import DECISION, REMOVED, STAYS, SUPERSEDED, rejected
from epc_release.release.settle import DIGEST, KEY, resolve_copies, resolve_latest

EXCLUDED, REFUSED = 3, rejected("type-date")
RECORD = st.tuples(
    st.integers(0, 3),  # key
    st.integers(0, 2),  # content
    st.sampled_from([STAYS, STAYS, STAYS, EXCLUDED, REFUSED]),
    st.sampled_from(["", "2024-01", "2024-02"]),
    st.booleans(),  # takes its key out
)
Record = tuple[int, int, int, str, bool]


def prints(records: list[Record]) -> pl.DataFrame:
    numbers = list(range(len(records)))
    columns = {
        **{name: [r[0] for r in records] for name in KEY},
        **{name: [2 * r[1] + r[4] for r in records] for name in DIGEST},
        "__problems": [0 for _ in records],
        "__decision": [r[2] for r in records],
        LATEST: [r[3] for r in records],
        REMOVES: [r[4] for r in records],
        "__row": numbers,
        "__chunk": numbers,
    }
    schema: dict[str, type[pl.DataType]] = dict.fromkeys((*KEY, *DIGEST, "__problems"), pl.UInt64)
    schema |= {LATEST: pl.String, REMOVES: pl.Boolean, "__row": pl.UInt32, "__chunk": pl.UInt32}
    return pl.DataFrame(columns).select(
        pl.col(name).cast(schema.get(name, DECISION)) for name in columns
    )


def decisions(settled: pl.DataFrame) -> dict[int, int]:
    return dict(zip(settled["__row"], settled["__decision"], strict=True))


@given(st.lists(RECORD, max_size=30))
def test_only_the_newest_records_of_a_key_are_copies_of_each_other(records: list[Record]) -> None:
    settled = decisions(resolve_latest(prints(records)))
    newest: dict[int, str] = defaultdict(str)
    for record in records:
        newest[record[0]] = max(newest[record[0]], record[3])
    among = [n for n, record in enumerate(records) if record[3] == newest[record[0]]]
    copies = resolve_copies(prints([records[n] for n in among]))
    expected = {
        among[place]: REMOVED if found == STAYS and records[among[place]][4] else found
        for place, found in decisions(copies).items()
    }
    for number, record in enumerate(records):
        if number not in expected:
            expected[number] = SUPERSEDED if record[2] == STAYS else record[2]
    assert settled == expected


@given(st.lists(RECORD, max_size=30))
def test_each_record_has_one_decision_and_at_most_one_of_a_key_stays(records: list[Record]) -> None:
    settled = resolve_latest(prints(records))
    assert settled["__row"].sort().to_list() == list(range(len(records)))
    assert settled["__before"].sort().to_list() == sorted(r[2] for r in records)
    assert not settled.filter(__decision=STAYS)[KEY[0]].is_duplicated().any()
