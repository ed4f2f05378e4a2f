"""Cells add up: the same records have the same counts, however they come and are split."""

from __future__ import annotations

import hashlib
import random

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.aggregates import ALL, COUNT, Aggregate, Dimension
from epc_release.anonymise.cellkey import read_ptable
from epc_release.anonymise.expression import parse
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.rules.generalise import Generalise
from epc_release.release.aggregates import publish, tabulate
from epc_release.release.cells import CellPlan, add_up, record_keys
from epc_release.schemas.register import Table
from epc_release.schemas.table import Field, TableSchema
from tests.property.test_screening_oracle import CUTOFF

SCHEMA = TableSchema(
    {
        "fields": [
            {"name": "number", "type": "string"},
            {"name": "place", "type": "string"},
            {"name": "size", "type": "integer"},
            {"name": "good", "type": "boolean"},
            {"name": "day", "type": "date"},
        ]
    }
)
TABLE = Table("t", SCHEMA, ("number",), "place", "day", ("number",), "t", "t")
KEYRING = Keyring(hashlib.sha256(b"a key for tests only").digest())
SHAPE = Aggregate(
    id="a",
    table="t",
    title="",
    why="",
    dimensions=(
        Dimension("place", "place", None, Field({"name": "place"})),
        Dimension("size", "size", None, Field({"name": "size"})),
        Dimension("year", "day", Generalise("year"), Field({"name": "year"})),
    ),
    where=parse("good"),
    where_text="good",
    margins=(("place",), ("place", "year"), ()),
    protection="cell-key",
    threshold=10,
    round_to=5,
    ptable=read_ptable("10-5-random"),
    exact=False,
)
PLAN = CellPlan(TABLE, SCHEMA, [SHAPE], CUTOFF)
rows = st.lists(
    st.tuples(
        st.sampled_from(["x", "y", None]),
        st.sampled_from([1, None]),
        st.sampled_from([True, True, True, False, None]),
        st.dates(),
    ),
    max_size=120,
)


def _frame(records: list[tuple[object, ...]], categories: bool) -> pl.DataFrame:
    """The records as ``finish`` has them."""
    types = {"number": pl.String, "place": pl.String, "size": pl.Int64, "good": pl.Boolean}
    frame = pl.DataFrame(records, {**types, "day": pl.Date}, orient="row")
    if categories:
        frame = frame.with_columns(pl.col("place").cast(pl.Categorical))
    return frame.with_columns(*PLAN.beside(frame, KEYRING))


def _table(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return tabulate(SHAPE, add_up(PLAN.count(part, [SHAPE]) for part in parts)["a"])


@given(rows, st.integers(0, 2**32), st.integers(1, 7))
def test_neither_order_nor_parts_change_a_count(
    records: list[tuple[object, ...]], seed: int, parts: int
) -> None:
    numbered = [(f"{n:04}", *record) for n, record in enumerate(records)]
    whole = _table([_frame(numbered, categories=False)])
    random.Random(seed).shuffle(numbered)
    split = [_frame(numbered[n::parts], categories=bool(n % 2)) for n in range(parts)]
    assert _table(split).equals(whole)
    told = publish(SHAPE, _table(split), exact=False)
    assert told.equals(publish(SHAPE, whole, exact=False))
    assert all(count >= 10 and count % 5 == 0 for count in told[COUNT].drop_nulls())


@given(rows)
def test_records_and_keys_of_a_margin_are_those_of_its_cells(
    records: list[tuple[object, ...]],
) -> None:
    frame = _frame([(f"{n:04}", *r) for n, r in enumerate(records)], categories=False)
    table = _table([frame])
    kept = frame.filter("good")
    total = table.filter(pl.all_horizontal(pl.col("place", "size", "year") == ALL))
    keys = int(kept["__record_key"].cast(pl.Int64).sum())
    assert total.select("records", "keys").rows() == [(len(kept), keys)]
    cells = table.filter(pl.col("size").ne_missing(ALL) & pl.col("year").ne_missing(ALL))
    assert cells.select(pl.col("records", "keys").sum()).rows() == [(len(kept), keys)]
    by_place = table.filter((pl.col("size") == ALL) & (pl.col("year") == ALL))
    by_place = by_place.filter(pl.col("place").ne_missing(ALL))
    assert by_place.select(pl.col("records", "keys").sum()).rows() == [(len(kept), keys)]


def test_a_record_key_is_of_the_record_alone() -> None:
    frame = pl.DataFrame({"number": [f"{n:05}" for n in range(20_000)]})
    keys = record_keys(frame, TABLE, KEYRING)
    assert keys.dtype == pl.UInt8
    assert record_keys(frame.reverse(), TABLE, KEYRING).reverse().equals(keys)
    counts = keys.value_counts()["count"].to_list()
    assert len(counts) == 256
    assert min(counts) > 30  # 78 are expected of each
