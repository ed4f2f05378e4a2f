"""Paths, names and orders of a release."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import (
    all_archive,
    is_safe_path,
    part_path,
    partition_archive,
    partition_order,
    partition_value,
    year_archive,
    year_label,
)
from epc_release.schemas.register import CodeList

CODES = CodeList("places", {"E1": "Somewhere"}, {"E1": "E1-Somewhere", "E2": "../x"}, {})


@pytest.mark.parametrize("value", ["E06000001", None, "City of London", "a/b=c%d", "Ynys Môn"])
def test_a_path_tells_its_partition(value: str | None) -> None:
    path = part_path("homes", "place", value)
    assert path.startswith("parquet/homes/place=")
    assert path.count("/") == 3
    assert partition_value(path) == value


def test_the_hive_name_of_a_missing_value() -> None:
    assert part_path("t", "la", None) == "parquet/t/la=__HIVE_DEFAULT_PARTITION__/part-0.parquet"
    assert part_path("t", None, None) == "parquet/t/part-0.parquet"
    assert partition_value("parquet/t/part-0.parquet") is None


def test_archives_are_named_by_the_code_list() -> None:
    assert partition_archive("homes", "E1", CODES) == "csv/homes-E1-Somewhere.zip"
    assert partition_archive("homes", "E3", CODES) == "csv/homes-E3.zip"
    assert partition_archive("homes", "E3", None) == "csv/homes-E3.zip"
    assert partition_archive("homes", None, CODES) == "csv/homes-unknown.zip"
    assert year_archive("homes", "2024") == "csv/homes-2024.zip"
    assert year_archive("homes", "unknown") == "csv/homes-unknown-year.zip"
    assert all_archive("homes") == "csv/homes-all.zip"


@pytest.mark.parametrize("value", ["E2", "1 High Street", "", "../x", "é"])
def test_a_value_never_becomes_a_name(value: str) -> None:
    with pytest.raises(ReleaseError, match="E380") as caught:
        partition_archive("homes", value, CODES)
    assert caught.value.exit == 3
    assert value == "" or value not in str(caught.value)


def test_the_missing_partition_comes_last() -> None:
    assert partition_order([None, "b", "a", "W"]) == ["W", "a", "b", None]


def test_year_labels() -> None:
    frame = pl.DataFrame(
        {
            "date": [date(2024, 1, 1), date(987, 1, 1), None],
            "time": [datetime(2024, 1, 1), None, datetime(2023, 1, 1)],
            "text": ["2024-Q1", "24", None],
            "year": [2024, None, 987],
        }
    )
    labels = frame.select(
        year_label(name, dtype).alias(name) for name, dtype in frame.schema.items()
    )
    assert labels.to_dict(as_series=False) == {
        "date": ["2024", "0987", "unknown"],
        "time": ["2024", "unknown", "2023"],
        "text": ["2024", "unknown", "unknown"],
        "year": ["2024", "unknown", "unknown"],
    }


@pytest.mark.parametrize("path", ["a", "parquet/t/la=E1/part-0.parquet", "csv/ŷ.zip", "a b"])
def test_safe_paths(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a//b", "../a", "a/..", "./a", "a\\b", "C:a", "a\nb", "http://a", None, 3, "a/"],
)
def test_unsafe_paths(path: object) -> None:
    assert not is_safe_path(path)
