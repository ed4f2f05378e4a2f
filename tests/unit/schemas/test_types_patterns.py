from __future__ import annotations

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.types.patterns import check_pattern, is_common, mismatches


def matching(pattern: str, *values: str | None) -> list[bool | None]:
    return (
        pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
        .select(~mismatches(pattern, pl.col("v")))
        .to_series()
        .to_list()
    )


def test_a_pattern_matches_the_whole_value() -> None:
    assert matching("a|b", "a", "b", "ab", "xb", "a\n", None) == [
        True,
        True,
        False,
        False,
        False,
        None,
    ]


def test_one_python_alone_understands() -> None:
    assert matching("(?!0)[0-9]+", "10", "01", None) == [True, False, None]
    assert matching(r"(.)\1", "aa", "ab") == [True, False]


@pytest.mark.parametrize(
    "pattern",
    ["[A-Z][0-9]{8}", "^[1-9][0-9]{0,11}$", r"\d{4}(?:-\d{4}){4}", "(A|B)+?", r"[^,\]]*", r"£\.?"],
)
def test_the_common_subset_is_vectorised(pattern: str) -> None:
    assert is_common(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)a",
        r"(a)\1",
        r"\w+",
        r"\s",
        "a++",
        "[a&&b]",
        "[a--b]",
        "[[a]",
        "(?i)a",
        "a{,3}",
        "x{",
        r"\bword\b",
        "a$b",
        r"\u0041",
        "(?P<n>a)",
        r"(\d{900}){900}",
    ],
)
def test_the_rest_is_left_to_python(pattern: str) -> None:
    assert not is_common(pattern)


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ReleaseError, match="E133: field uprn: pattern"):
        check_pattern("uprn", "[0-9")
