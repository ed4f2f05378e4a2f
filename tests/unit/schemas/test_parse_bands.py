from __future__ import annotations

import polars as pl
import pytest

from epc_release.schemas.parse import derive_band

DOMESTIC = {
    "from": "score",
    "bands": [
        ["G", None, 20],
        ["F", 21, 38],
        ["E", 39, 54],
        ["D", 55, 68],
        ["C", 69, 80],
        ["B", 81, 91],
        ["A", 92, None],
    ],
}
DISPLAY = {
    "from": "score",
    "bands": [["A+", None, -1], ["A", 0, 25], ["B", 26, 50], ["G", 51, None]],
}


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (None, None),
        (-99, "G"),
        (1, "G"),
        (20, "G"),
        (20.4, "G"),
        (20.5, "F"),
        (21, "F"),
        (38, "F"),
        (39, "E"),
        (54, "E"),
        (68, "D"),
        (80, "C"),
        (80.49999999999999, "C"),
        (91, "B"),
        (92, "A"),
        (105, "A"),
    ],
)
def test_domestic_bands(score: float | None, band: str | None) -> None:
    frame = pl.DataFrame({"score": pl.Series([score], dtype=pl.Float64)})
    assert frame.select(derive_band(DOMESTIC, pl.col("score"))).item() == band


@pytest.mark.parametrize(
    ("score", "band"), [(-1, "A+"), (-0.6, "A+"), (-0.5, "A"), (0, "A"), (25, "A"), (26, "B")]
)
def test_bands_below_zero(score: float, band: str) -> None:
    assert pl.select(derive_band(DISPLAY, pl.Series([score]))).item() == band


def test_a_score_outside_all_bands_has_none() -> None:
    derive = {"bands": [["A", 0, 25]]}
    bands = pl.select(derive_band(derive, pl.Series([-1, 0, 25, 26]))).to_series()
    assert bands.to_list() == [None, "A", "A", None]
    assert bands.dtype == pl.String
