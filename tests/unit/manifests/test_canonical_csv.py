"""The canonical CSV: numbers, missing values, quoting, offsets."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from epc_release.manifests.content import csv_header, csv_lines, number_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2.0, "2"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (-12.5, "-12.5"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (1.5e16, "15000000000000000"),
        (123456789012345678.0, "123456789012345680"),
        (1e20, "100000000000000000000"),
        (999999999999999900000.0, "999999999999999900000"),
        (1e21, "1e+21"),
        (1.25e21, "1.25e+21"),
        (-1e300, "-1e+300"),
        (1e-5, "0.00001"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (-1.5e-7, "-1.5e-7"),
        (5e-324, "5e-324"),
        (1 / 3, "0.3333333333333333"),
        (None, None),
    ],
)
def test_numbers_are_written_as_ecmascript_does(number: float | None, text: str | None) -> None:
    assert number_text(pl.Series([number], dtype=pl.Float64)).to_list() == [text]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_has_no_text(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        number_text(pl.Series([1.0, number]))


def test_plain_and_odd_numbers_stand_together() -> None:
    texts = number_text(pl.Series([1.0, None, 1e16, 1e-7, 0.0, 2.5])).to_list()
    assert texts == ["1", None, "10000000000000000", "1e-7", "0", "2.5"]


def test_every_type_and_missing_values() -> None:
    frame = pl.DataFrame(
        {
            "text": ['a "quoted", cell', None, "Tŷ"],
            "coded": pl.Series(["x", None, ""], dtype=pl.Categorical),
            "empty": ["", "x", None],
            "integer": [1, None, -3],
            "number": [1.0, None, 2.25],
            "boolean": [True, False, None],
            "date": [date(2024, 1, 31), None, date(987, 1, 2)],
            "time": [datetime(2024, 1, 31, 1, 2, 3), None, datetime(2024, 1, 1, 0, 0, 0, 500000)],
        }
    )
    lines = csv_lines(frame)
    assert bytes(lines.data).decode() == (
        '"a ""quoted"", cell",x,,1,1,true,2024-01-31,2024-01-31 01:02:03\r\n'
        ",,x,,,false,,\r\n"
        "Tŷ,,,-3,2.25,,0987-01-02,2024-01-01 00:00:00.500\r\n"
    )
    assert bytes(lines.rows(1, 2)) == b",,x,,,false,,\r\n"
    assert bytes(lines.rows(0, 0)) == b""
    assert bytes(lines.rows(0, 3)) == bytes(lines.data)


def test_an_empty_frame_has_no_lines() -> None:
    lines = csv_lines(pl.DataFrame(schema={"a": pl.String, "b": pl.Float64}))
    assert len(lines.ends) == 0
    assert bytes(lines.data) == b""


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\r\nb"])
def test_a_record_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        csv_lines(pl.DataFrame({"a": [text], "b": ["x"]}))


def test_the_header_is_quoted_where_needed() -> None:
    assert csv_header(("a", "b c", 'd"e', "f,g")) == b'a,b c,"d""e","f,g"\r\n'


def test_categories_that_are_not_used_do_not_reach_the_text() -> None:
    coded = pl.DataFrame(
        {"a": ["keep", "secret"], "b": ["x", "y"]}, schema_overrides={"a": pl.Categorical}
    )
    assert bytes(csv_lines(coded.head(1)).data) == b"keep,x\r\n"
