"""Cell-key perturbation against what the ONS's own method gives, and against brute force."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.cellkey import (
    KEYS,
    PTable,
    perturb,
    ptable_names,
    read_ptable,
    round_counts,
)
from epc_release.anonymise.cellkeys import cell_keyring
from epc_release.errors import ReleaseError

# What the package cell_key_perturbation (3.1, create_perturbed_table with its ptable_10_5_rule)
# gives for 1,000 records i with record_key = (7919 i + 13) mod 256, la = i mod 3,
# band = i^2 mod 5 and fuel = 1 where 97 divides i.
# la, band, fuel, pre_sdc_count, ckey, pcv, pvalue, count
ONS = (
    (0, 0, 0, 66, 253, 66, -1, 65),
    (0, 0, 1, 1, 13, 1, -1, None),
    (0, 1, 0, 133, 157, 133, 2, 135),
    (0, 1, 1, 1, 186, 1, -1, None),
    (0, 4, 0, 131, 89, 131, -1, 130),
    (0, 4, 1, 2, 123, 2, -2, None),
    (1, 0, 0, 65, 68, 65, 0, 65),
    (1, 0, 1, 1, 163, 1, -1, None),
    (1, 1, 0, 133, 223, 133, 2, 135),
    (1, 1, 1, 1, 246, 1, -1, None),
    (1, 4, 0, 131, 193, 131, -1, 130),
    (1, 4, 1, 2, 229, 2, -2, None),
    (2, 0, 0, 66, 243, 66, -1, 65),
    (2, 0, 1, 1, 216, 1, -1, None),
    (2, 1, 0, 130, 52, 130, 0, 130),
    (2, 1, 1, 2, 176, 2, -2, None),
    (2, 4, 0, 134, 150, 134, 1, 135),
    (2, 4, 1, 0, 0, 0, 0, None),
)


def test_the_case_of_the_ons() -> None:
    records = pl.DataFrame({"i": range(1000)}).select(
        la=pl.col("i") % 3,
        band=pl.col("i") ** 2 % 5,
        fuel=(pl.col("i") % 97 == 0).cast(pl.Int64),
        key=(7919 * pl.col("i") + 13) % 256,
    )
    cells = records.group_by("la", "band", "fuel").agg(
        records=pl.len().cast(pl.Int64), keys=pl.col("key").sum()
    )
    every = pl.DataFrame([row[:3] for row in ONS], ["la", "band", "fuel"], orient="row")
    cells = every.join(cells, on=["la", "band", "fuel"], how="left").fill_null(0)
    made = perturb(cells, read_ptable("10-5-rule"), 10)
    columns = ("la", "band", "fuel", "records", "ckey", "pcv", "pvalue", "count")
    assert made.select(columns).rows() == [*ONS]


def _cells(counts: list[int], keys: list[int]) -> pl.DataFrame:
    return pl.DataFrame({"records": counts, "keys": keys}, {"records": pl.Int64, "keys": pl.Int64})


def brute(ptable: PTable, count: int, key: int, threshold: int) -> int | None:
    """The user guide's steps for one cell, row by row of the p-table."""
    cell_key = key % 256
    pcv = count if count <= 750 else (count - 1) % 250 + 501
    found = [v for p, first, last, v in ptable.rows if p == pcv and first <= cell_key <= last]
    told = count + (found[0] if found else 0)
    return told if told >= threshold else None


@given(
    st.sampled_from(ptable_names()),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 10**9)), min_size=1, max_size=20),
)
def test_every_cell_is_as_by_hand(name: str, cells: list[tuple[int, int]]) -> None:
    ptable = read_ptable(name)
    made = perturb(_cells(*map(list, zip(*cells, strict=True))), ptable, 10)["count"]
    assert made.to_list() == [brute(ptable, count, key, 10) for count, key in cells]
    assert all(count is None or (count >= 10 and count % 5 == 0) for count in made)


def test_large_counts_use_the_last_rows_again() -> None:
    made = perturb(_cells([750, 751, 1000, 1001, 1003], [0] * 5), read_ptable("10-5-rule"), 10)
    assert made["pcv"].to_list() == [750, 501, 750, 501, 503]
    assert made["count"].to_list() == [750, 750, 1000, 1000, 1005]


@pytest.mark.parametrize("count", [10, 11, 12, 13, 14, 747, 748])
def test_random_rounding_expects_the_true_count(count: int) -> None:
    made = perturb(_cells([count] * KEYS, list(range(KEYS))), read_ptable("10-5-random"), 10)
    mean = made["count"].mean()
    assert isinstance(mean, float)
    assert abs(mean - count) < 0.01


def test_random_rounding_depends_on_the_cell_key_and_the_rule_does_not() -> None:
    for name, values in (("10-5-random", 2), ("10-5-rule", 1)):
        made = perturb(_cells([12] * KEYS, list(range(KEYS))), read_ptable(name), 10)
        assert made["count"].n_unique() == values


@given(st.integers(0, 10**6), st.integers(1, 50), st.integers(1, 50))
def test_rounding(records: int, to: int, threshold: int) -> None:
    (told,) = round_counts(_cells([records], [0]), to, threshold)["count"]
    if told is None:
        assert records < threshold or told_of(records, to) < threshold
    else:
        assert told == told_of(records, to) >= threshold
        assert records >= threshold


def told_of(records: int, to: int) -> int:
    """The nearest multiple, halves up."""
    below = records // to * to
    return below if 2 * (records - below) < to else below + to


WRONG = [
    (((1, 0, 255, -1),), "each pcv and each cell key once"),
    (((0, 0, 255, 0),), "from 1 to 750"),
    (((1, 0, 256, -1),), "from 1 to 750"),
    (tuple((n, 0, 255, 0) for n in range(1, 751)), "multiples of 5"),
    (tuple((n, 0, 255, -(n % 5)) for n in range(1, 751)), "below the threshold 10"),
]


@pytest.mark.parametrize(("rows", "says"), WRONG)
def test_a_ptable_that_does_not_fit(rows: tuple[tuple[int, int, int, int], ...], says: str) -> None:
    problem = PTable("p", rows, "").misfit(10, 5)
    assert problem is not None
    assert says in problem


def _key(text: bytes) -> str:
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


def test_the_key_is_one_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(_key(b"a"))
    file.chmod(0o600)
    one = cell_keyring({"EPC_RELEASE_CELL_KEY": _key(b"a"), "EPC_RELEASE_KEY": _key(b"b")})
    assert one.key_id == cell_keyring({"EPC_RELEASE_CELL_KEY_FILE": str(file)}).key_id
    assert one.record_key("homes") != one.record_key("works")
    assert len(one.record_key("homes")) == 64


REFUSED = [
    ({}, "neither"),
    ({"EPC_RELEASE_KEY": _key(b"a")}, "neither"),
    ({"EPC_RELEASE_CELL_KEY": _key(b"a"), "EPC_RELEASE_CELL_KEY_FILE": "x"}, "set as well"),
    ({"EPC_RELEASE_CELL_KEY": "c2hvcnQ="}, "at least 32"),
    ({"EPC_RELEASE_CELL_KEY_FILE": "/nowhere"}, "No such file"),
    ({"EPC_RELEASE_CELL_KEY": _key(b"a"), "EPC_RELEASE_KEY": _key(b"a")}, "pseudonyms"),
]


@pytest.mark.parametrize(("given_", "says"), REFUSED)
def test_a_key_that_cannot_be_used(given_: dict[str, str], says: str) -> None:
    with pytest.raises(ReleaseError, match=says) as caught:
        cell_keyring(given_)
    assert caught.value.problem.code == "E190"
    assert not any(value in str(caught.value) for value in given_.values() if len(value) > 20)
