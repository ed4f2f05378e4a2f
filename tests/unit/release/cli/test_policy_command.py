"""The ``policy`` commands end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epc_release.anonymise.policy import POLICIES
from epc_release.release.cli import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)


def test_lint_says_everything_and_gives_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "lint", "address-level"]) == 0
    assert "0 errors" in capsys.readouterr().out
    text = (POLICIES / "price-paid" / "open.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('access = "open"', 'access = "all"').replace("why", "wy", 1))
    assert main(["policy", "lint", str(path), "--json"]) == 2
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["errors"] == len(found["findings"]) >= 2
    assert "E154" in said.err


def test_show_and_approve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "deidentified"]) == 0
    text = capsys.readouterr().out
    assert "WHAT IS TOLD OF domestic-certificates" in text
    assert "APPROVED by nobody" in text
    words = " ".join(text.split())
    assert "Cut-offs of two releases lie 90 days apart at least" in words
    assert "latest_for_property [made here]" in words
    assert "COUNTS BESIDE domestic-certificates: domestic-lodgements" in words
    assert "counts below 10 not told; multiples of 5" in words
    assert "Made from the published records, exactly" in words
    given = ["--by", "A. Name", "--reason", "read it", "--state", "st"]
    assert main(["policy", "approve", "deidentified", *given]) == 0
    assert main(["policy", "show", "deidentified", "--state", "st"]) == 0
    assert "APPROVED by A. Name" in capsys.readouterr().out
    assert main(["policy", "show", "deidentified", "--state", "st", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["approval"]["sha256"] == found["policy"]["sha256"]
    assert main(["policy", "approve", "deidentified", "--by", " ", "--reason", "x"]) == 2
    assert main(["policy", "show", "deidentified", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Energy performance certificates, de-identified")


def test_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "deidentified"]) == 0
    cases = (POLICIES / "epc" / "tests" / "deidentified.toml").read_text(encoding="utf-8")
    (tmp_path / "c.toml").write_text(cases.replace('"2019" }', '"2020" }'), encoding="utf-8")
    capsys.readouterr()
    assert main(["policy", "test", "deidentified", "--cases", "c.toml"]) == 4
    assert "lodgement_date: expected '2020', found '2019'" in capsys.readouterr().out
    assert main(["policy", "test", "deidentified", "--cases", "none.toml"]) == 2
