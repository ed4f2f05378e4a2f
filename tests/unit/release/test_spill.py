"""Spills: rows come back as they went in, by label and by range."""

from __future__ import annotations

import stat
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from epc_release.release import spill
from epc_release.release.spill import concat, read_range, write_spill


def frame(labels: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "label": pl.Series(labels, dtype=pl.Categorical),
            "number": pl.Series(range(len(labels)), dtype=pl.Int64),
            "text": pl.Series([f"text {n % 3}" for n in range(len(labels))], dtype=pl.Categorical),
        }
    )


def test_slices_hold_the_rows_of_their_label_and_missing_comes_last(tmp_path: Path) -> None:
    made = write_spill(tmp_path / "a", frame(["b", "a", None, "b", "a", "c"]), "label")
    assert [(s.label, s.rows) for s in made.slices] == [("a", 2), ("b", 2), ("c", 1), (None, 1)]
    found = {
        s.label: read_range(made.path, s.start, s.stop)["number"].to_list() for s in made.slices
    }
    assert {label: set(rows) for label, rows in found.items()} == {
        "a": {1, 4},
        "b": {0, 3},
        "c": {5},
        None: {2},
    }


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (3, 11), (4, 8), (9, 10), (0, 10)])
def test_a_range_across_batches_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, stop: int
) -> None:
    monkeypatch.setattr(spill, "BATCH_ROWS", 4)
    rows = frame(["x"] * 11)
    made = write_spill(tmp_path / "a", rows, "label")
    found = read_range(made.path, start, stop)
    assert_frame_equal(found, rows[start:stop], categorical_as_str=True)


def test_a_spill_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    made = write_spill(tmp_path / "a", frame(["x"]), "label", drop_label=True)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert read_range(made.path).columns == ["number", "text"]


def test_an_empty_spill_can_be_read(tmp_path: Path) -> None:
    made = write_spill(tmp_path / "a", frame([]), "label")
    assert made.slices == ()
    assert read_range(made.path).height == 0


def test_text_that_is_a_category_in_one_chunk_only_is_text_in_all() -> None:
    one = pl.DataFrame({"a": pl.Series(["x"], dtype=pl.Categorical)})
    two = pl.DataFrame({"a": pl.Series(["y"], dtype=pl.String)})
    assert concat([one, two]).schema == {"a": pl.String()}
    assert concat([one, one]).schema == {"a": pl.Categorical()}
