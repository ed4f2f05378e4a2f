"""``policy explore`` on an extract: tables, plot and phrases for a person to choose from."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epc_release.release.cli import main
from epc_release.release.explore import phrases

KEY_SET = "business-rates"


def explored(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert main(["policy", "explore", "deidentified", *args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_every_level_and_what_it_costs(
    extract: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="plots are an extra")
    source = str(extract() / "non-domestic-certificates.csv")
    args = ("--source", source, "--key-set", KEY_SET, "--plot", str(tmp_path))
    found = explored(capsys, *args)["key_sets"][0]
    assert found["sample_rows"] < found["rows"]
    first, *_ = found["exact"]
    assert set(first["levels"].values()) == {"as published"}
    assert first["failing"] > 0
    last = found["sample"][-1]
    assert last["classes"] <= first["classes"]
    plot = tmp_path / f"{KEY_SET}-non-domestic-certificates.svg"
    drawn = plot.read_bytes()
    assert b"records dropped" in drawn
    explored(capsys, *args)
    assert plot.read_bytes() == drawn


def test_unknown_phrases_are_written_to_be_reviewed(
    extract: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only what is common, never what looks personal, and no build takes it as it is."""
    source = tmp_path / "domestic-certificates.csv"
    with (extract() / source.name).open(encoding="utf-8", newline="") as stream:
        header, *records = list(csv.reader(stream))
    place = next(i for i, name in enumerate(header) if name.lower() == "walls_description")
    for number, record in enumerate(records):
        common = number % 2 == 0
        record[place] = "Straw bales, 3 deep" if common else f"Ask Mr Smith on 07700 90{number:04}"
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *records])
    monkeypatch.setattr(phrases, "LEAST_PARTITIONS", 3)
    folder = tmp_path / "review"
    args = ("--source", str(source), "--key-set", "neighbour", "--vocabulary", str(folder))
    found = explored(capsys, *args)["vocabularies"]
    walls = next(each for each in found if each["column"] == "walls_description")
    assert walls["phrases"] == ["Straw bales, {number} deep"]
    assert walls["unknown"] == walls["texts"]
    written = (folder / "domestic-certificates.walls_description.csv").read_text("utf-8")
    assert "Smith" not in written
    assert "Straw bales" in written


def test_what_cannot_be_explored(
    extract: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(extract() / "non-domestic-certificates.csv")
    for args, code in (
        (("--key-set", "no-such"), "E198"),
        (("--key-set", "neighbour"), "E195"),
    ):
        assert main(["policy", "explore", "deidentified", "--source", source, *args]) == 2
        assert code in capsys.readouterr().err
