"""Parquet files dissected: every byte has an owner, and every claim is a value of a row."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.leaks.footers import Dissected, dissect

ROWS = pa.table({"text": ["b", None, "a", "b"], "number": [3, 1, None, 2], "flag": [True] * 4})


def written(table: pa.Table = ROWS, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_index=True, **options)
    return sink.getvalue()


def look(data: bytes) -> Dissected:
    return dissect(data, ("text", "number", "flag"))


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_a_plain_file_has_no_problems_and_claims_its_values(rows: int) -> None:
    found = look(written(ROWS.slice(0, rows), row_group_size=3))
    assert found.problems == []
    for chunk in found.chunks:
        if chunk.column == "text":
            claimed = set().union(*chunk.claims.values())
            assert claimed <= {b"a", b"b"}
    assert (sum(len(c.claims.get("dictionary", ())) for c in found.chunks) > 0) == (rows > 0)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=9))
def test_bytes_put_into_a_file_never_go_unseen(at: int, extra: bytes) -> None:
    data = written()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    place = start if at > start else at
    assert look(data[:place] + extra + data[place:]).problems


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    assert look(data).problems
    assert look(b"PAR1" + data + len(data).to_bytes(4, "little") + b"PAR1").problems


def test_a_column_that_nobody_knows_is_called_by_its_number() -> None:
    found = dissect(written(), ("number", "flag"))
    assert {chunk.column for chunk in found.chunks} == {"number 0", "number", "flag"}


def test_key_value_metadata_are_told() -> None:
    found = look(written(ROWS.replace_schema_metadata({"note": "x"})))
    assert found.metadata[b"note"] == b"x"


def test_pages_beyond_the_rows_are_seen() -> None:
    """The footer says one row less than the pages hold: the row is there and no reader shows it."""
    data = written(pa.table({"number": pa.array(range(40), pa.int64())}), use_dictionary=False)
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    fewer = data[:start] + data[start:].replace(bytes([0x16, 80]), bytes([0x16, 78]))
    assert fewer != data
    assert any("its pages hold 40 values of 39 rows" in p for _, p in look(fewer).problems)
