"""Row accounting: proved, or the build fails; and the gate against publishing nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.errors import ReleaseError
from epc_release.release.ledger import Account, check_empty

COUNTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 50))


def account(read: int, excluded: Mapping[str, int], rejected: Mapping[str, int]) -> Account:
    made = Account()
    made.add(read, excluded, rejected)
    return made


@given(COUNTS, COUNTS, st.integers(0, 50), st.integers(-3, 3))
def test_a_ledger_closes_only_where_every_record_is_accounted_for(
    excluded: dict[str, int], rejected: dict[str, int], published: int, lost: int
) -> None:
    read = sum(excluded.values()) + sum(rejected.values()) + published + lost
    made = account(read, excluded, rejected)
    made.published = published
    if lost:
        with pytest.raises(ReleaseError, match="E902"):
            made.close("homes")
    else:
        ledger = made.close("homes")
        assert ledger.read == ledger.published + sum(ledger.excluded.values()) + sum(
            ledger.rejected.values()
        )


def test_a_table_that_would_be_empty_stops_the_build() -> None:
    check_empty("homes", account(0, {}, {}))
    check_empty("homes", account(3, {"country": 2}, {}))
    with pytest.raises(ReleaseError, match=r"E302: homes: 3 records .*country 2, type-date 1"):
        check_empty("homes", account(3, {"country": 2}, {"type-date": 1}))
