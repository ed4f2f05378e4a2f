from __future__ import annotations

import polars as pl
import pytest

from epc_release.schemas.types.text import normalise, rewrite


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mid-Terrace", "Mid-Terrace"),
        ("  Mid-Terrace ", "Mid-Terrace"),
        ("two  spaces", "two spaces"),
        ("a\r\nb", "a b"),
        ("a \t\n b", "a b"),
        ("\tx", "x"),
        ("a\u00a0b\u2028c\u0085d\x1ce", "a b c d e"),
        ("\n", ""),
        ("", ""),
        ("0.3 W/m²K", "0.3 W/m²K"),
    ],
)
def test_white_space_is_one_space_and_none_at_the_ends(text: str, expected: str) -> None:
    assert normalise(pl.Series([text, "untouched"])).to_list() == [expected, "untouched"]


def test_what_is_tidy_is_not_copied() -> None:
    tidy = pl.Series(["a", "b c"])
    assert normalise(tidy) is tidy


def test_rewrites_apply_in_order_and_leave_tidy_text() -> None:
    text = pl.Series(['{"value": "Solid brick"} walls', "plain"])
    pairs = [(r'\{"value": "([^"]*)"\}', "${1} "), ("walls", "wall")]
    assert rewrite(text, pairs).to_list() == ["Solid brick wall", "plain"]
