"""Keys and numbers of synthetic certificates differ for different certificates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.synth.entropy import below, hashed, salt, scattered
from epc_release.release.synth.keys import key_texts

IDS = st.lists(st.integers(0, 10**10 - 1), unique=True, max_size=200)
SEEDS = st.integers(0, 2**32)


@given(ids=IDS, seed=SEEDS, style=st.sampled_from(["groups", "hash", "legacy"]))
def test_keys_are_different_and_repeatable(ids: list[int], seed: int, style: str) -> None:
    numbers = np.array(ids, dtype=np.uint64)
    keys = key_texts(numbers, style, salt(seed))
    assert keys.n_unique() == len(ids)
    turned = key_texts(numbers[::-1].copy(), style, salt(seed))
    assert turned.reverse().to_list() == keys.to_list()


@pytest.mark.parametrize(
    ("style", "form"),
    [
        ("groups", r"^([0-9]{4}-){4}[0-9]{4}$"),
        ("hash", r"^[0-9a-f]{64}$"),
        ("legacy", r"^([0-9]{30}|[0-9a-f]{64}|[1-9]\.[0-9]{13}E\+032)$"),
    ],
)
def test_keys_have_the_form_of_their_generation(style: str, form: str) -> None:
    keys = key_texts(np.arange(40_000, dtype=np.uint64), style, salt("form"))
    assert keys.str.contains(form).all()
    if style == "legacy":
        assert 0 < keys.str.contains("E").sum() < 40


@given(ids=IDS, seed=SEEDS)
def test_scattered_numbers_are_different(ids: list[int], seed: int) -> None:
    found = scattered(np.array(ids, dtype=np.uint64), 10, salt(seed))
    assert len(set(found.tolist())) == len(ids)
    assert all(number < 10**10 for number in found.tolist())


@given(ids=st.lists(st.integers(0, 2**64 - 1), max_size=50), limit=st.integers(1, 2**32 - 1))
def test_hashes_come_below_a_limit(ids: list[int], limit: int) -> None:
    hashes = hashed(np.array(ids, dtype=np.uint64), salt("limit"))
    assert all(number < limit for number in below(hashes, limit).tolist())
