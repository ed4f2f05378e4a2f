"""Digests of whole cells: short values belong to their field, long ones to every field."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.leaks.digests import DigestSets, keyed, plain_digests
from epc_release.anonymise.leaks.forms import SHORTEST

VALUES = st.lists(st.text(max_size=12), max_size=30)


def sets(values: list[str], field: str, key: int = 7) -> DigestSets:
    made = [
        keyed(
            plain_digests(pl.Series([value])), key, field if len(value.encode()) < SHORTEST else ""
        )
        for value in values
    ]
    words = np.sort(np.concatenate(made)) if made else np.zeros(0, np.uint64)
    return DigestSets(key, {"set": words}, {"set": field})


@given(VALUES, VALUES)
def test_cells_are_found_as_a_set_would_find_them(private: list[str], cells: list[str]) -> None:
    found = dict(sets(private, "owner").found(pl.Series(cells, dtype=pl.String), "owner"))
    assert found.get("set", 0) == len(set(private) & set(cells))
    elsewhere = dict(sets(private, "owner").found(pl.Series(cells, dtype=pl.String), "street"))
    long = {value for value in private if len(value.encode()) >= SHORTEST}
    assert elsewhere.get("set", 0) == len(long & set(cells))


def test_digests_depend_on_the_key() -> None:
    plain = plain_digests(pl.Series(["Canary bdfghjl"]))
    assert keyed(plain, 1)[0] != keyed(plain, 2)[0]
