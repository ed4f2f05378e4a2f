"""Sizes, times and names from text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release import values
from epc_release.release.prepare import local_date


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1536MiB", 1536 * 1024**2),
        ("2GiB", 2 * 1024**3),
        ("2gib", 2 * 1024**3),
        ("2GB", 2 * 10**9),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("4096", 4096),
        (4096, 4096),
    ],
)
def test_sizes_are_read_in_both_kinds_of_unit(text: object, wanted: int) -> None:
    assert values.size(text) == wanted


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 PB", "1e9", "0", "0.1", True])
def test_what_is_no_size_says_what_one_looks_like(text: object) -> None:
    with pytest.raises(ValueError, match="1536MiB"):
        values.size(text)


@given(st.integers(1, 2**50), st.sampled_from(["", "KiB", "MiB", "GiB", "kB", "MB"]))
def test_a_size_grows_with_its_number(number: int, unit: str) -> None:
    assert values.size(f"{number}{unit}") < values.size(f"{number + 1}{unit}")


def test_a_time_needs_its_zone() -> None:
    assert values.moment("2026-03-31T23:30:00+01:00") == datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="no zone"):
        values.moment("2026-03-31T23:30:00")
    with pytest.raises(ValueError, match="not a time"):
        values.moment("yesterday")


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_with_offset_keeps_its_moment(time: datetime) -> None:
    assert values.moment(time.isoformat()) == datetime.fromisoformat(time.isoformat())


def test_the_default_release_id_is_the_date_where_the_register_is_kept() -> None:
    assert local_date(datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "Europe/London") == "2026-07-01"
    assert local_date(datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Europe/London") == "2026-12-31"


@pytest.mark.parametrize("text", ["2026-03-31", "2026-03-31.2", "t1", "A" * 64])
def test_release_ids(text: str) -> None:
    assert values.release_id(text) == text


@pytest.mark.parametrize("text", ["", ".hidden", "-x", "a/b", "..", "a b", "A" * 65, "é", "a\n"])
def test_a_release_id_cannot_leave_its_folder(text: str) -> None:
    with pytest.raises(ValueError, match="release id"):
        values.release_id(text)


def test_a_table_can_be_forced() -> None:
    assert values.split_table("display-certificates=a=b.csv") == ("display-certificates", "a=b.csv")
    assert values.split_table("x.csv") == (None, "x.csv")
    assert values.split_table("s3://bucket/a=b") == (None, "s3://bucket/a=b")
    assert values.split_table("Data/year=2024/x.csv") == (None, "Data/year=2024/x.csv")
    assert values.split_table("t=s3://bucket/x") == ("t", "s3://bucket/x")


def test_credentials_in_a_uri_are_seen() -> None:
    assert values.has_credentials("s3://me:secret@host/x")
    assert not values.has_credentials("s3://bucket/me@host")
    assert not values.has_credentials("folder/me:you@here")


def test_places_of_a_file_are_seen_from_its_folder() -> None:
    assert values.beside(Path("conf"), "x.csv") == str(Path("conf/x.csv"))
    assert values.beside(Path("conf"), "/x.csv") == str(Path("/x.csv"))
    assert values.beside(Path("conf"), "s3://b/x") == "s3://b/x"
