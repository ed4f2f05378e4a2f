"""The published issue log: exact where records are personal data, no small count where not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from epc_release.manifests.issues import LEAST, MERGED, merge_small

PLACES = st.one_of(st.none(), st.sampled_from([f"E{n}" for n in range(12)]))


@given(st.dictionaries(PLACES, st.integers(1, 40), min_size=1))
def test_no_small_count_is_told_and_none_can_be_worked_out(counts: dict[str | None, int]) -> None:
    total = sum(counts.values())
    if total < LEAST:
        return
    told = merge_small(counts)
    assert sum(told.values()) == total
    assert all(count >= LEAST for count in told.values())
    assert all(told[place] == counts[place] for place in told if place != MERGED)
    hidden = [place for place in counts if place not in told]
    assert (MERGED in told) == bool(hidden)
    assert len(hidden) != 1
    assert told.get(MERGED, 0) == sum(counts[place] for place in hidden)


def test_it_does_not_depend_on_the_order() -> None:
    counts: dict[str | None, int] = {"E1": 3, None: 12, "E2": 12, "E3": 50}
    assert merge_small(counts) == {"E3": 50, "E2": 12, MERGED: 15}
    assert merge_small(dict(reversed(counts.items()))) == merge_small(counts)
