"""Two releases compared by their prints: against a plain count, however they are cut in buckets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.differ import Differences, compare
from epc_release.release.differences import EarlierPrints

Records = Mapping[int, tuple[int, int, bool]]  # key -> source, shown, starred

RECORDS = st.dictionaries(
    st.integers(0, 60),
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()),
    max_size=40,
)


def prints(records: Records) -> pl.DataFrame:
    keys = list(records)
    return pl.DataFrame(
        {
            "__shard": pl.Series([key % 256 for key in keys], dtype=pl.UInt8),
            "__key": pl.Series(keys, dtype=pl.UInt64),
            "__source": pl.Series([records[key][0] for key in keys], dtype=pl.UInt64),
            "__shown": pl.Series([records[key][1] for key in keys], dtype=pl.UInt64),
            "floor": pl.Series([records[key][2] for key in keys], dtype=pl.Boolean),
        }
    )


def counted(before: Records, now: Records, *, same_key: bool) -> Differences:
    both = [(before[key], now[key]) for key in before.keys() & now.keys()]
    moved = [then[1] != here[1] for then, here in both]
    same = [then[0] == here[0] for then, here in both]
    starred = sum(here[2] and not then[2] for then, here in both)
    shown = sum(then[2] and not here[2] and then[0] == here[0] for then, here in both)
    return Differences(
        before=len(before),
        now=len(now),
        added=len(now.keys() - before.keys()),
        removed=len(before.keys() - now.keys()),
        changed=sum(moved) if same_key else len(same) - sum(same),
        unexplained=sum(m and s for m, s in zip(moved, same, strict=True)),
        starred={"floor": starred} if starred else {},
        shown={"floor": shown} if shown else {},
    )


@given(RECORDS, RECORDS, st.booleans())
def test_a_comparison_is_a_plain_count(before: Records, now: Records, same_key: bool) -> None:
    found = compare(prints(before), prints(now), same_key=same_key) + Differences()
    assert found == counted(before, now, same_key=same_key)


@given(RECORDS, RECORDS, st.sampled_from([1, 2, 8, 32]), st.sampled_from([1, 2, 8, 32]))
def test_the_number_of_buckets_is_no_matter(
    before: Records, now: Records, then: int, here: int
) -> None:
    """Each release is cut in as many buckets as it needs; only the right files are looked at."""
    files = {
        Path(str(b)): prints({k: v for k, v in before.items() if k % then == b})
        for b in range(then)
    }
    earlier = EarlierPrints("one", then, {"t": {int(p.name): p for p in files}}, True, True)
    parts = []
    for bucket in range(here):
        mine = prints({k: v for k, v in now.items() if k % here == bucket})
        read = pl.concat([files[path] for path in earlier.of("t", bucket, here)])
        theirs = read.filter(pl.col("__shard") % here == bucket)
        parts.append(compare(theirs, mine, same_key=True))
    assert reduce(add, parts, Differences()) == counted(before, now, same_key=True)


@pytest.mark.parametrize(("before", "now", "added", "removed"), [(2, 3, 1, 0), (3, 2, 0, 1)])
def test_copies_of_a_key_are_counted_one_by_one(
    before: int, now: int, added: int, removed: int
) -> None:
    """A child without a key of its own may stand there twice."""
    one = prints({7: (1, 1, False)})
    found = compare(pl.concat([one] * before), pl.concat([one] * now), same_key=True)
    assert (found.added, found.removed, found.changed) == (added, removed, 0)


def test_a_column_that_only_one_release_can_star_counts_as_not_starred() -> None:
    one, other = prints({1: (1, 1, True)}), prints({1: (1, 1, True)}).rename({"floor": "form"})
    found = compare(one, other, same_key=True)
    assert (found.starred, found.shown) == ({"floor": 0, "form": 1}, {"floor": 1, "form": 0})
