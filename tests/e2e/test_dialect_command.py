"""Files with other headers: look at them, write a dialect, decide, build; the same release."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.cli import main

TABLES = ("domestic-certificates", "domestic-recommendations")
CUTOFF = datetime(2026, 10, 1, tzinfo=UTC)
RENAMED = {
    "LMK_KEY": "LMK key",
    "LOCAL_AUTHORITY": "LocalAuthority",
    "CONSTITUENCY": "Seat",
    "LODGEMENT_DATE": "Lodged on",
    "TENURE": "Tenure type",
    "MAIN_FUEL": "MAIN_FUELL",
    "CO2_EMISSIONS_CURRENT": "Carbon now",
    "BUILDING_REFERENCE_NUMBER": "BRN",
    "IMPROVEMENT_ID": "id of improvement",
}
DECIDED = {
    "Seat": "constituency",
    "Lodged on": "lodgement_date",
    "Tenure type": "tenure",
    "Carbon now": "co2_emissions_current",
    "id of improvement": "improvement_id",
}
NOT_TAKEN = "BRN"
CANARY = re.compile(r"[A-Za-z0-9]{12,}")


def copies(source: Path, folder: Path) -> list[Path]:
    """The tables with other headers, their records byte for byte the same."""
    folder.mkdir()
    found = []
    for table in TABLES:
        header, _, rest = (source / f"{table}.csv").read_bytes().partition(b"\n")
        names = header.decode().rstrip("\r").split(",")
        other = ",".join(RENAMED.get(name, name) for name in names)
        path = folder / f"{table}.csv"
        path.write_bytes(other.encode() + b"\r\n" + rest)
        found.append(path)
    return found


def decided(text: str) -> str:
    """What a person does with a draft: every DECIDE answered."""
    for spelling, name in DECIDED.items():
        text, done = re.subn(
            rf'^# \w+ = \["{spelling}"\]', f'{name} = ["{spelling}"]', text, flags=re.M
        )
        assert done == 1, spelling
    text = text.replace("input_only = [", f'input_only = [\n  "{NOT_TAKEN}",', 1)
    upstream = re.search(r"^# Of dialect legacy: (screened_upstream = .*)$", text, re.M)
    assert upstream
    return text.replace("\nscreened_upstream = []", f"\n{upstream[1]}")


def cells(files: Iterable[Path]) -> set[str]:
    """Values long enough not to be part of something else."""
    found: set[str] = set()
    for file in files:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            next(rows)
            found |= {cell for row in rows for cell in row if CANARY.fullmatch(cell)}
    return found


def sums(report: object) -> str:
    return (report.path / "SHA256SUMS").read_text(encoding="ascii")  # type: ignore[attr-defined, no-any-return]


def test_a_dialect_written_and_decided_builds_the_same_release(
    extract: Callable[..., Path],
    build: Callable[..., object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = extract("legacy")
    files = copies(source, tmp_path / "in")
    named = [str(file) for file in files]
    with pytest.raises(ReleaseError) as caught:
        build(*files, cutoff=CUTOFF)
    assert caught.value.problem.code == "E123"

    draft = tmp_path / "Council files.toml"
    assert main(["dialect", *named, "--write", str(draft)]) == 0
    shown = capsys.readouterr().out
    text = draft.read_text(encoding="utf-8")
    assert "A build would refuse it. E123" in shown
    assert "6 to decide" in shown.splitlines()[-1]
    assert not {value for value in cells(files) if value in shown or value in text}

    assert main(["dialect", *named, "--dialect", str(draft)]) == 0
    assert "It is read as" not in capsys.readouterr().out
    with pytest.raises(ReleaseError) as caught:
        build(*files, cutoff=CUTOFF, dialects=(draft,))
    assert caught.value.problem.code == "E123"

    draft.write_text(decided(text), encoding="utf-8")
    assert main(["dialect", *named, "--dialect", str(draft), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(h["exact"], h["dialect"]) for h in found["headers"]] == [(True, "council-files")] * 2

    plain = build(*(source / f"{t}.csv" for t in TABLES), out=tmp_path / "a", cutoff=CUTOFF)
    other = build(*files, out=tmp_path / "b", cutoff=CUTOFF, dialects=(draft,))
    assert sums(other) == sums(plain)
    state = json.loads((tmp_path / "state" / "t1" / "report.json").read_text(encoding="utf-8"))
    assert list(state["dialects"]) == ["council-files"]


def test_a_dialect_of_the_settings_file_is_found_beside_it(
    extract: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = copies(extract("legacy"), tmp_path / "in")
    draft = tmp_path / "conf" / "other.toml"
    draft.parent.mkdir()
    assert main(["dialect", str(tmp_path / "in"), "--write", str(draft)]) == 0
    draft.write_text(decided(draft.read_text(encoding="utf-8")), encoding="utf-8")
    settings = draft.with_name("release.toml")
    settings.write_text('dialects = ["other.toml"]\npolicy = "address-level"\n', encoding="utf-8")
    capsys.readouterr()
    arguments = ["plan", "--config", str(settings), "--json"]
    for file in files:
        arguments += ["--source", str(file)]
    assert main(arguments) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert {part["dialect"] for part in parts} == {"other"}


def test_the_command_writes_nothing_over(
    extract: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = copies(extract("legacy"), tmp_path / "in")
    there = tmp_path / "there.toml"
    there.write_text("mine", encoding="utf-8")
    assert main(["dialect", str(files[0]), "--write", str(there)]) == 2
    assert "E109" in capsys.readouterr().err
    assert there.read_text(encoding="utf-8") == "mine"
