from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime

import polars as pl
import pytest

from epc_release.schemas.checks.keys import duplicates_within, key_digest, row_digest

FRAME = {
    "key": ["0001-2345", "b", "a", None, ""],
    "code": ["x", "x", None, "y", "x"],
    "count": [1, None, -3, 2**62, 0],
    "area": [0.5, -0.0, None, 1e300, 0.0],
    "flag": [True, False, None, True, False],
    "day": [date(2024, 2, 29), None, date(1, 1, 1), date(9999, 12, 31), date(2024, 1, 1)],
    "time": [datetime(2024, 2, 29, 1, 2, 3), None, None, None, datetime(1, 1, 1)],
}
AS_PROCESS = """
import sys
from datetime import date, datetime
import polars as pl
from epc_release.schemas.checks.keys import row_digest
other = pl.Series(["z", "y", "x"], dtype=pl.Categorical)  # other codes than in the test
frame = pl.DataFrame(eval(sys.argv[1])).with_columns(pl.col("code").cast(pl.Categorical))
print(row_digest(frame).rows())
"""


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame(FRAME)


def test_text_is_xxh3_128_and_numbers_are_splitmix() -> None:
    """Published vectors: XXH3_128bits of no bytes; first outputs of SplitMix64, seeds 0 and 1."""
    seed_0, seed_1 = 0xE220A8397B1DCDAF, 0x910A2DEC89025CC1  # the second is position 0's factor
    low, high = 0x6001C324468D497F, 0x99AA06D3014798D8
    text = key_digest(pl.Series([""]))
    assert text.row(0) == (low * seed_1 % 2**64, high * seed_1 % 2**64)
    number = key_digest(pl.Series([0]))
    assert number["h1"][0] == seed_0 * seed_1 % 2**64


def test_digests_are_the_same_in_another_process(frame: pl.DataFrame) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_PROCESS, repr(FRAME).replace("datetime.", "")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(row_digest(frame).rows())


def test_digests_do_not_depend_on_chunks_or_order(frame: pl.DataFrame) -> None:
    whole = row_digest(frame)
    parts = pl.concat([row_digest(frame.slice(n, 1)) for n in range(frame.height)])
    chunked = pl.concat([frame[:2], frame[2:]], rechunk=False)
    assert whole.equals(parts)
    assert whole.equals(row_digest(chunked))
    assert whole.reverse().equals(row_digest(frame.reverse()))


@pytest.mark.parametrize(
    "dtype",
    [
        pl.Categorical(),
        pl.Categorical(pl.Categories("small", physical=pl.UInt8)),
        pl.Enum(["zzz", "y", "x"]),
    ],
)
def test_coded_text_is_text(frame: pl.DataFrame, dtype: pl.DataType) -> None:
    assert row_digest(frame).equals(row_digest(frame.with_columns(pl.col("code").cast(dtype))))


def test_codes_far_apart_are_read_one_by_one() -> None:
    categories = pl.Categories("far")
    everything = pl.Series([str(n) for n in range(10_000)], dtype=pl.Categorical(categories))
    two = everything.gather([0, 9_999])
    assert key_digest(two).equals(key_digest(pl.Series(["0", "9999"])))


def test_each_value_counts_where_it_stands() -> None:
    rows = pl.DataFrame(
        {
            "a": ["x", "y", "xy", "", None, "", None, "0", "x"],
            "b": ["y", "x", "", "xy", "xy", None, None, "0", None],
        }
    )
    assert not duplicates_within(row_digest(rows)).any()


def test_null_is_equal_to_null_alone() -> None:
    for values in (["", None, "null"], [0, None], [0.0, None], [False, None]):
        assert not duplicates_within(key_digest(pl.Series(values))).any()
        assert duplicates_within(key_digest(pl.Series([None, None, *values[:1]]))).to_list() == [
            True,
            True,
            False,
        ]


def test_types_and_order_of_a_key_count_and_names_do_not() -> None:
    frame = pl.DataFrame({"a": ["1"], "b": ["2"], "n": [1]})
    forwards = key_digest(frame, ["a", "b"])
    assert forwards.equals(key_digest(frame.rename({"a": "p", "b": "q"}), ["p", "q"]))
    assert not forwards.equals(key_digest(frame, ["b", "a"]))
    assert not key_digest(frame, ["a"]).equals(key_digest(frame, ["n"]))
    assert key_digest(frame, ["a"]).equals(key_digest(frame["a"]))
    assert key_digest(frame, ["n"]).equals(key_digest(frame["n"].cast(pl.Int8)))


def test_digests_are_two_words_that_are_never_null(frame: pl.DataFrame) -> None:
    assert row_digest(frame).schema == {"h1": pl.UInt64, "h2": pl.UInt64}
    assert row_digest(frame.clear()).schema == {"h1": pl.UInt64, "h2": pl.UInt64}
    assert not sum(row_digest(frame).null_count().row(0))
    nothing = pl.DataFrame({"code": pl.Series([None, None], dtype=pl.Categorical)})
    assert duplicates_within(row_digest(nothing)).to_list() == [True, True]


def test_every_copy_counts() -> None:
    digests = key_digest(pl.Series(["a", "b", "a", "c", "a"]))
    assert duplicates_within(digests).to_list() == [True, False, True, False, True]
