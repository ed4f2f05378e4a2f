"""Measures of small tables whose answers others have published, or a hand can count."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.keysets import Sensitive
from epc_release.anonymise.risk import (
    Summary,
    by_class,
    marginal,
    merge,
    summarise,
    tabulate,
    violations,
)

FILES = (
    "StudentsMath_Score.csv",
    "StudentsMath_Score_k2.csv",
    "StudentsMath_Score_k5.csv",
    "StudentsMath_Score_k7.csv",
    "drug_type.csv",
    "drugs_k5.csv",
    "hospital_anonymized.csv",
)


def measured(frame: pl.DataFrame, keys: list[str], sensitive: list[str]) -> dict[str, Any]:
    cells = tabulate(frame, keys, sensitive)
    numbers = [name for name in sensitive if frame[name].dtype.is_numeric()]
    return summarise(cells, marginal(cells), k=5, ordered=numbers).measures()


def tiny(shared_data: Path, name: str) -> dict[str, Any]:
    found = json.loads((shared_data / "disclosure" / "tiny_truths.json").read_text())
    return dict(found[name])


@pytest.mark.parametrize("file", FILES)
def test_the_same_as_pycanon_reports(shared_data: Path, file: str) -> None:
    folder = shared_data / "disclosure"
    entries = json.loads((folder / "expected_measures.json").read_text())
    expected = next(entry for entry in entries if entry["file"] == file)
    ours = measured(pl.read_csv(folder / file), expected["qi"], expected["sa"])
    same = {
        "rows": "rows",
        "classes": "classes",
        "k": "k",
        "l": "l",
        "t": "t",
        "beta": "basic_beta",
        "enhanced_beta": "enh_beta",
        "delta": "delta",
        "uniques": "uniques",
        "rows_below_k": "rows_below_5",
        "largest_class": "max_class",
    }
    assert {own: ours[own] for own in same} == pytest.approx(
        {own: expected[other] for own, other in same.items()}, abs=1e-12
    )
    assert ours["alpha"] == expected["alpha_k"][0]
    # it takes e to the power of the entropy and rounds that down, so that a 2 can become a 1
    assert expected["entropy_l"] in {
        math.floor(ours["entropy_l"] - 1e-9),
        math.floor(ours["entropy_l"] + 1e-9),
    }


def test_four_rows_counted_by_hand(shared_data: Path) -> None:
    truth = tiny(shared_data, "ldt_tiny")
    frame = pl.DataFrame(truth["rows"], schema=["a", "s"], orient="row")
    ours = measured(frame, ["a"], ["s"])
    assert (ours["k"], ours["l"], ours["entropy_l"]) == (truth["k"], truth["l"], 1.0)
    assert ours["alpha"] == truth["alpha"]
    assert ours["t"] == pytest.approx(truth["t_total_variation"])
    assert ours["delta"] == pytest.approx(truth["delta_ln_ratio_max"])
    assert ours["beta"] == pytest.approx(truth["basic_beta"])


def test_numbers_have_distances(shared_data: Path) -> None:
    truth = tiny(shared_data, "t_numeric_tiny")
    frame = pl.DataFrame(truth["rows"], schema=["a", "s"], orient="row")
    assert measured(frame, ["a"], ["s"])["t"] == pytest.approx(truth["t_emd_ordered_pycanon"])


def test_a_null_is_a_category_of_its_own(shared_data: Path) -> None:
    truth = tiny(shared_data, "null_trap")
    frame = pl.DataFrame(truth["rows"], schema=["a", "s"], orient="row")
    assert measured(frame, ["a"], [])["k"] == truth["correct_k_null_own_category"]


def test_frequency_counts_of_sdcmicro() -> None:
    """The eight rows of its own test of freqCalc, which has no missing value."""
    frame = pl.DataFrame(
        {
            "key1": [1, 1, 1, 1, 2, 2, 1, 1],
            "key2": [1, 1, 1, 1, 1, 1, 2, 1],
            "key3": [1, 1, 1, 2, 1, 1, 2, 1],
            "key4": [1, 2, 1, 1, 1, 1, 1, 1],
        }
    )
    cells = tabulate(frame, frame.columns)
    assert cells.rows[cells.of_row].tolist() == [3, 1, 3, 1, 2, 2, 1, 3]


def test_units_are_what_is_counted() -> None:
    frame = pl.DataFrame(
        {
            "area": ["a"] * 5 + ["b"] * 4,
            "flat": ["1", "1", "1", "1", "1", "2", "3", None, None],
            "rating": ["A", "B", "C", "D", "E", "A", "A", "B", "B"],
        }
    )
    cells = tabulate(frame, ["area"], ["rating"], "flat")
    found = summarise(cells, k=2).measures()
    assert (found["k"], found["k_rows"], found["units"], found["rows"]) == (1, 4, 4, 9)
    assert (found["uniques"], found["rows_below_k"], found["classes_below_k"]) == (1, 5, 1)
    assert found["expected_reidentifications"] == 2
    assert (found["prosecutor_risk"], found["marketer_risk"]) == (1.0, 0.5)
    assert cells.units.tolist() == [1, 3]  # the two flats that are not known count as one


def test_the_profile_counts_every_class_once() -> None:
    sizes = [1, 1, 2, 3, 4, 5, 9, 10, 19, 20, 50, 99, 100, 1000]
    frame = pl.DataFrame({"a": [i for i, size in enumerate(sizes) for _ in range(size)]})
    profile = summarise(tabulate(frame, ["a"])).measures()["sizes"]
    found = {each["size"]: (each["classes"], each["rows"]) for each in profile}
    assert found == {
        "1": (2, 2),
        "2": (1, 2),
        "3": (1, 3),
        "4": (1, 4),
        "5-9": (2, 14),
        "10-19": (2, 29),
        "20-49": (1, 20),
        "50-99": (2, 149),
        "100-999": (1, 100),
        "1000+": (1, 1000),
    }


def test_which_classes_break_a_limit() -> None:
    frame = pl.DataFrame(
        {
            "area": ["a"] * 4 + ["b"] * 4 + ["c"] * 2,
            "band": list("AAABABABAB"),
        }
    )
    cells = tabulate(frame, ["area"], ["band"])
    limits = [Sensitive("band", l=2, entropy_l=2, alpha=0.5, t=0.1)]
    found = violations(cells, k=3, sensitive=limits, marginals=marginal(cells))
    area = frame["area"].gather(cells.first.tolist())
    broken = dict(zip(area, found.iter_rows(named=True), strict=True))
    names = ["k", "band.l", "band.entropy_l", "band.alpha", "band.t", "any"]
    assert found.columns == names
    # two values half and half have an entropy l of 2, whatever the last digit of a logarithm is
    assert list(broken["b"].values()) == [False] * 6
    assert list(broken["a"].values()) == [False, False, True, True, True, True]
    assert list(broken["c"].values()) == [True, False, False, False, False, True]


def test_nothing_is_measured_of_nothing() -> None:
    frame = pl.DataFrame(schema={"a": pl.String, "s": pl.Float64})
    cells = tabulate(frame, ["a"], ["s"], "a")
    found = summarise(cells, marginal(cells)).measures()
    assert (found["rows"], found["classes"], found["k"], found["t"]) == (0, 0, None, None)
    assert by_class(cells, marginal(cells)).height == 0
    assert violations(cells, k=2).height == 0


def test_a_table_of_one_value_is_no_distance_away() -> None:
    frame = pl.DataFrame({"a": [1, 2, 2], "s": [7, 7, 7]})
    found = measured(frame, ["a"], ["s"])
    assert (found["t"], found["beta"], found["delta"], found["enhanced_beta"]) == (0, 0, 0, 0)


def test_values_that_the_whole_table_does_not_have_are_refused() -> None:
    one = tabulate(pl.DataFrame({"a": [1], "s": ["x"]}), ["a"], ["s"])
    other = tabulate(pl.DataFrame({"a": [2], "s": ["y"]}), ["a"], ["s"])
    with pytest.raises(ValueError, match="add up all parts"):
        summarise(one, marginal(other))
    assert summarise(one, merge(marginal(one), marginal(other))).sensitive["s"].t == 0.5


def test_summaries_of_other_thresholds_are_not_added() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        Summary(5) + Summary(3)
