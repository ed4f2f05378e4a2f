"""Suppression: key sets hold on what it leaves, whole classes at a time, whatever the order."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import exp, log
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epc_release.anonymise import risk
from epc_release.anonymise.keysets import KeySet, Sensitive
from epc_release.anonymise.risk import Marginal
from epc_release.anonymise.suppression import UNIT, Suppressed, failing, suppress

Record = tuple[Any, ...]
COLUMNS = ("place", "age", "form", "rating")


def key_set(
    star: tuple[str, ...] = ("age", "form"),
    k: int = 3,
    unit: str | None = None,
    keys: tuple[str, ...] = ("place", "age", "form"),
    **limits: Any,
) -> KeySet:
    sensitive = (Sensitive("rating", **limits),) if limits else ()
    return KeySet(
        "-".join(keys), "t", "", keys, unit, k, sensitive, "suppress", star, 1.0, 1.0, 0, 1
    )  # fmt: skip


def frame_of(rows: list[Record]) -> pl.DataFrame:
    schema = {
        "place": pl.Categorical, "age": pl.Int64, "form": pl.String, "rating": pl.String,
        UNIT: pl.UInt64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def marginal(frame: pl.DataFrame) -> dict[str, Marginal]:
    return risk.marginal(risk.tabulate(frame, [], ["rating"]))


def published(frame: pl.DataFrame, done: Suppressed) -> pl.DataFrame:
    starred = [
        pl.when(pl.Series(flags)).then(None).otherwise(pl.col(name)).alias(name)
        for name, flags in done.stars.items()
    ]
    return frame.with_columns(starred).filter(~pl.Series(done.dropped))


def holds(rows: list[dict[str, Any]], asked: KeySet, whole: Counter[Any]) -> bool:
    """By brute force: every class of the rows has what the key set asks for."""
    classes: dict[Record, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        classes[tuple(row[name] for name in asked.keys)].append(row)
    for members in classes.values():
        units = {row[UNIT] for row in members}
        if (len(units) if asked.unit else len(members)) < asked.k:
            return False
        for limits in asked.sensitive:
            counts = Counter(row[limits.column] for row in members)
            shares = {value: n / len(members) for value, n in counts.items()}
            entropy = -sum(p * log(p) for p in shares.values())
            every = sorted(whole, key=lambda v: (v is None, v or ""))
            gaps = [shares.get(v, 0) - whole[v] / whole.total() for v in every]
            far = (
                sum(abs(sum(gaps[: i + 1])) for i in range(len(gaps))) / max(len(gaps) - 1, 1)
                if limits.ordered
                else sum(map(abs, gaps)) / 2
            )
            if (
                (limits.l and len(counts) < limits.l)
                or (limits.entropy_l and exp(entropy) < limits.entropy_l - 1e-6)
                or (limits.alpha and max(shares.values()) > limits.alpha + 1e-6)
                or (limits.t and far > limits.t + 1e-6)
            ):
                return False
    return True


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.sampled_from([1, 2, 3, None]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from([10, 11, 12, 13, None]),
    ),
    min_size=1,
    max_size=60,
)
SETS = st.lists(
    st.sampled_from(
        [
            key_set(),
            key_set(k=2, unit="uprn"),
            key_set(star=("form",), keys=("place", "form"), k=4),
            key_set(star=(), k=2, keys=("place", "age")),
            key_set(l=2),
            key_set(entropy_l=1.5, alpha=0.8),
            key_set(t=0.5),
            key_set(t=0.4, ordered=True, unit="uprn"),
        ]
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.id,
)


@settings(max_examples=300)
@given(ROWS, SETS, st.randoms(use_true_random=False))
def test_key_sets_hold_on_what_is_left(rows: list[Record], sets: list[KeySet], chance: Any) -> None:
    frame = frame_of(rows)
    done = suppress(frame, sets, marginal(frame))
    left = published(frame, done)
    whole = Counter(frame["rating"])
    for asked in sets:
        assert holds(left.to_dicts(), asked, whole)
        assert not failing(left, asked, marginal(frame)).any()
    # A dropped row has no stars of its own, and only cells that were there are starred.
    for name, flags in done.stars.items():
        assert not (flags & done.dropped).any()
        assert frame.filter(pl.Series(flags))[name].null_count() == 0
    # The order of records does not matter.
    order = list(range(len(rows)))
    chance.shuffle(order)
    other = suppress(frame[order], sets, marginal(frame))
    assert (other.dropped == done.dropped[order]).all()
    assert all((other.stars[name] == done.stars[name][order]).all() for name in done.stars)
    # What holds is left alone, and what was taken away stays away.
    again = suppress(frame, sets, marginal(frame), before=done)
    assert (again.dropped == done.dropped).all()
    assert all((again.stars[name] == done.stars[name]).all() for name in done.stars)


@settings(max_examples=150)
@given(ROWS, SETS)
def test_failing_agrees_with_brute_force(rows: list[Record], sets: list[KeySet]) -> None:
    frame = frame_of(rows)
    for asked in sets:
        bad = failing(frame, asked, marginal(frame))
        assert (not bad.any()) == holds(frame.to_dicts(), asked, Counter(frame["rating"]))


@settings(max_examples=150)
@given(ROWS)
def test_classes_are_starred_whole(rows: list[Record]) -> None:
    """Records that were alike in all keys stay alike: no total gives a starred cell back."""
    frame, asked = frame_of(rows), key_set()
    done = suppress(frame, [asked], {})
    fate: dict[Record, set[tuple[bool, ...]]] = defaultdict(set)
    for at, row in enumerate(frame.select(asked.keys).iter_rows()):
        fate[row].add((*(bool(f[at]) for f in done.stars.values()), bool(done.dropped[at])))
    assert all(len(fates) == 1 for fates in fate.values())


def test_stars_come_in_the_declared_order_and_rows_go_last() -> None:
    rows = [("A", 1, "x", "a", 1)] * 2 + [("A", 2, "x", "a", 1)] + [("B", 1, "x", "a", 1)]
    done = suppress(frame_of(rows), [key_set()], {})
    assert done.stars["age"].tolist() == [True, True, True, False]
    assert not done.stars["form"].any()  # three are alike once their age is gone
    assert done.dropped.tolist() == [False, False, False, True]


def test_five_certificates_of_one_flat_are_one_unit() -> None:
    rows = [("A", 1, "x", "a", 7)] * 5
    assert not suppress(frame_of(rows), [key_set(k=5)], {}).dropped.any()
    assert suppress(frame_of(rows), [key_set(k=2, unit="uprn")], {}).dropped.all()


def test_a_missing_value_is_a_category_of_its_own() -> None:
    rows = [("A", None, "x", "a", 1)] + [("A", 1, "x", "a", 1)] * 3
    done = suppress(frame_of(rows), [key_set(star=("age",), k=2)], {})
    assert done.dropped.tolist() == [True, False, False, False]


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Date, pl.Boolean, pl.Datetime("us")])
def test_keys_of_every_type(dtype: pl.DataType) -> None:
    ages = pl.Series("age", [0, 0, 0, 1, None], dtype=pl.Int32).cast(dtype)
    frame = frame_of([("A", 1, "x", "a", 1)] * 5).with_columns(ages)
    done = suppress(frame, [key_set(star=("age",), k=2)], {})
    assert done.stars["age"].tolist() == [False, False, False, True, False]
    assert not done.dropped.any()


def test_codes_that_do_not_fit_one_word_stay_exact() -> None:
    """Key columns of so many values that their product is beyond 64 bits."""
    count = 3000
    names = [f"c{i}" for i in range(8)]
    numbers = np.arange(count)
    frame = pl.DataFrame({name: numbers * 1_000_003 % (count + i) for i, name in enumerate(names)})
    twice = pl.concat([frame, frame, frame.head(1)])
    asked = key_set(star=(), k=3, keys=tuple(names))
    assert suppress(twice, [asked], {}).dropped.sum() == 2 * count - 2
