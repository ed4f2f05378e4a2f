from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.table import Field
from epc_release.schemas.types import DTYPES, PROBLEMS, read_text

SECONDS = "%Y-%m-%d %H:%M:%S"
FAILS = {"date": "type-date", "datetime": "type-datetime", "time": "type-time"}


def read(descriptor: dict[str, Any], text: str) -> object:
    """The value of a text, or the code of its problem."""
    typed = read_text(Field({"name": "x", **descriptor}), pl.Series([text]))
    assert typed.values.dtype == DTYPES[descriptor["type"]]
    return PROBLEMS[typed.problems[0] - 1] if typed.problems[0] else typed.values[0]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("default", "2024-02-29", date(2024, 2, 29)),
        ("%Y-%m-%d", "0001-01-01", date(1, 1, 1)),
        ("default", "9999-12-31", date(9999, 12, 31)),
        ("default", "2023-02-29", "type-date"),
        ("default", "2024-2-3", "type-date"),
        ("default", "24-02-03", "type-date"),
        ("default", "0000-01-01", "type-date"),
        ("default", "12024-01-01", "type-date"),
        ("default", "+2024-01-01", "type-date"),
        ("default", "2024-02-03 00:00:00", "type-date"),
        ("default", "", "type-date"),
        ("%d/%m/%Y", "03/02/2024", date(2024, 2, 3)),
        ("%d/%m/%Y", "3/2/2024", "type-date"),
        ("%d/%m/%Y", "31/02/2024", "type-date"),
        ("%Y-%m-%d %H:%M", "2024-02-03 00:00", date(2024, 2, 3)),
        ("%Y-%m-%d %H:%M", "2024-02-03 10:30", "type-date"),
        ("%d %B %Y", "03 February 2024", date(2024, 2, 3)),
        ("%d %B %Y", "03 february 2024", date(2024, 2, 3)),
        ("%d %B %Y", "3 February 2024", "type-date"),
        ("%d/%m/%y", "03/02/69", date(1969, 2, 3)),
    ],
)
def test_dates(form: str, text: str, expected: object) -> None:
    assert read({"type": "date", "format": form}, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-03 10:11:12", datetime(2024, 2, 3, 10, 11, 12)),
        ("2024-02-03T10:11:12", datetime(2024, 2, 3, 10, 11, 12)),
        ("2024-02-03 10:11", datetime(2024, 2, 3, 10, 11)),
        ("2024-02-03", datetime(2024, 2, 3)),
        ("2024-02-03 10:11:12.000000", datetime(2024, 2, 3, 10, 11, 12)),
        ("2024-02-03T10:11:12Z", datetime(2024, 2, 3, 10, 11, 12)),
        ("2024-07-03T10:11:12Z", datetime(2024, 7, 3, 11, 11, 12)),
        ("2024-07-03T23:30:00Z", datetime(2024, 7, 4, 0, 30)),
        ("2024-07-03 10:11:12+01:00", datetime(2024, 7, 3, 10, 11, 12)),
        ("2024-02-03 10:11:12-0530", datetime(2024, 2, 3, 15, 41, 12)),
        ("2024-02-03 10:11:60", "type-datetime"),
        ("2024-02-03 24:00:00", "type-datetime"),
        ("2024-02-03 1:1:1", "type-datetime"),
        ("2024-02-30 10:11:12", "type-datetime"),
        ("2024-02-30", "type-datetime"),
        ("2024-02-03  ", "type-datetime"),
        ("0000-02-03 10:11:12", "type-datetime"),
        ("0001-01-01 00:00:00+01:00", "type-datetime"),
        ("9999-12-31 23:59:59-01:00", "type-datetime"),
        ("2024-02-03Z", "type-datetime"),
        ("2024-02-03 10:11:12+99:00", "type-datetime"),
        ("03/02/2024 10:11:12", "type-datetime"),
    ],
)
@pytest.mark.parametrize("form", ["default", SECONDS, "%Y-%m-%dT%H:%M:%S"])
def test_timestamps(form: str, text: str, expected: object) -> None:
    assert read({"type": "datetime", "format": form}, text) == expected


@pytest.mark.parametrize(
    ("form", "text", "expected", "cut"),
    [
        (SECONDS, "2024-02-03 10:11:12.5", datetime(2024, 2, 3, 10, 11, 12), True),
        (SECONDS, "2024-02-03 10:11:12.0", datetime(2024, 2, 3, 10, 11, 12), False),
        ("default", "2024-02-03 10:11:12.5", datetime(2024, 2, 3, 10, 11, 12, 500000), False),
        ("default", "2024-02-03 10:11:12.1234567", datetime(2024, 2, 3, 10, 11, 12, 123456), True),
        (
            "default",
            "2024-02-03 10:11:12.123456000",
            datetime(2024, 2, 3, 10, 11, 12, 123456),
            False,
        ),
    ],
)
def test_a_cut_fraction_of_a_second_is_told(
    form: str, text: str, expected: datetime, cut: bool
) -> None:
    typed = read_text(Field({"name": "x", "type": "datetime", "format": form}), pl.Series([text]))
    assert typed.cut is not None
    assert (typed.values[0], typed.cut[0]) == (expected, cut)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d/%m/%Y %H:%M", "22/02/2021 00:00", datetime(2021, 2, 22)),
        ("%d/%m/%Y %H:%M", "22/2/2021 00:00", "type-datetime"),
        ("%d/%m/%Y %H:%M:%S", "22/02/2021 00:00:60", "type-datetime"),
        ("%d/%m/%Y", "22/02/2021", datetime(2021, 2, 22)),
        ("%d %b %Y %I:%M %p", "22 Feb 2021 01:30 PM", datetime(2021, 2, 22, 13, 30)),
        ("%d/%m/%Y %H:%M %z", "22/07/2021 10:00 +0000", datetime(2021, 7, 22, 11)),
    ],
)
def test_other_forms_of_timestamps(form: str, text: str, expected: object) -> None:
    assert read({"type": "datetime", "format": form}, text) == expected


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("year", "2024", 2024),
        ("year", "24", "type-year"),
        ("yearmonth", "2024-01", "2024-01"),
        ("yearmonth", "2024-13", "type-yearmonth"),
        ("time", "23:59:59", "23:59:59"),
        ("time", "24:00:00", "type-time"),
    ],
)
def test_narrow_types(type_: str, text: str, expected: object) -> None:
    assert read({"type": type_}, text) == expected


@pytest.mark.parametrize(
    ("descriptor", "code"),
    [
        ({"type": "geometry"}, "E130"),
        ({"type": "list", "itemType": "list"}, "E130"),
        ({"type": "string", "format": "wkt"}, "E131"),
        ({"type": "integer", "format": "any"}, "E131"),
    ],
)
def test_what_is_not_supported_is_refused(descriptor: dict[str, Any], code: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        read_text(Field({"name": "x", **descriptor}), pl.Series(["a"]))
    assert caught.value.problem.code == code
    assert "field x" in str(caught.value)
