"""Likeness of spellings: symmetric, tolerant of signs and shortened words, strict on digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.dialect.mapping import CLOSE, PERHAPS
from epc_release.release.dialect.spelling import likeness, words


@pytest.mark.parametrize(
    ("spelling", "found"),
    [
        ("Site-Reference", ("site", "reference")),
        ("siteReference2", ("site", "reference", "2")),
        ("LAND DELIVERABLE?", ("land", "deliverable")),
        ("CO2_EMISSIONS", ("co", "2", "emissions")),
        ("Côd post", ("côd", "post")),
        ("", ()),
    ],
)
def test_words_are_parted_by_signs_digits_and_capitals(
    spelling: str, found: tuple[str, ...]
) -> None:
    assert words(spelling) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LA SITE REF", "SiteReference"),
        ("LOW_ENERGY_FIXED_LIGHT_COUNT", "low energy fixed lighting count"),
        ("HEAT_LOSS_CORRIDOOR", "HEAT_LOSS_CORRIDOR"),
        ("Date of lodgement", "lodgement_date"),
    ],
)
def test_like(one: str, other: str) -> None:
    assert likeness(one, other) >= PERHAPS


def test_the_same_letters_are_one_and_other_digits_nothing() -> None:
    assert likeness("Site Reference", "SITE_REFERENCE") == 1
    assert likeness("ADDRESS1", "ADDRESS2") == 0
    assert 0 < likeness("ADDRESS", "ADDRESS1") < CLOSE
    assert likeness("tenure", "hectares") < CLOSE


@given(st.text(max_size=20), st.text(max_size=20))
def test_likeness_is_a_symmetric_share(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, other) == pytest.approx(likeness(other, one))
