"""What is purged: private things by age, and never what the next build of a line reads."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.cli import main
from epc_release.release.config import Settings
from epc_release.release.disk import held
from epc_release.release.purge import Doomed, find, needed_releases, public_releases, remove
from epc_release.release.retention import Retention, parse_retention

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEPT = {"ledger.json", "audit.json", "report.json"}


def aged(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    for each in (path, path.parent):
        os.utime(each, (NOW.timestamp() - days * 86400,) * 2)
    return path


def release(state: Path, name: str, cutoff: str, days: float, **report: object) -> Path:
    """What a build leaves of a release, ``days`` old."""
    folder = state / name
    told = {"release": name, "register": "epc", "policy": "p", "cutoff": cutoff, **report}
    for path in (
        "quarantine/t.parquet",
        "suppressed/t.parquet",
        "prints/t/0.parquet",
        "private/exact.parquet",
        "ledger.json",
        "audit.json",
        "events.parquet",
    ):
        aged(folder / path, days)
    (folder / "report.json").write_text(json.dumps(told))
    return folder


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}


def purge(state: Path, *public: str, **days: int) -> tuple[Doomed, ...]:
    doomed = find(Settings(state=state, retention=Retention(**days)), public, NOW)
    remove(doomed)
    return doomed


def test_kinds_by_age(tmp_path: Path) -> None:
    old = release(tmp_path, "old", "2026-01-01T00:00:00Z", 100)
    before = release(tmp_path, "before", "2026-02-01T00:00:00Z", 90)
    newest = release(tmp_path, "newest", "2026-03-01T00:00:00Z", 80)
    stopped = aged(tmp_path / "stopped-one" / "stopped" / "quarantine" / "t.parquet", 31)
    young = aged(tmp_path / "young" / "stopped" / "quarantine" / "t.parquet", 29)
    (tmp_path / "operations.jsonl").write_text("{}\n")
    assert {each.kind for each in purge(tmp_path)} == {"quarantine", "line"}
    assert left(old) == KEPT
    for folder in (before, newest):
        assert left(folder) == KEPT | {"suppressed", "prints", "private", "events.parquet"}
    assert not stopped.exists()
    assert young.exists()
    assert (tmp_path / "operations.jsonl").exists()
    assert purge(tmp_path) == ()


def test_the_private_sets_of_public_releases_stay(tmp_path: Path) -> None:
    old = release(tmp_path, "old", "2026-01-01T00:00:00Z", 100)
    for name, month in (("before", 2), ("newest", 3)):
        release(tmp_path, name, f"2026-0{month}-01T00:00:00Z", 50)
    purge(tmp_path, "old")
    assert left(old) == {*KEPT, "private"}


def test_partial_releases_are_nobodys_predecessors(tmp_path: Path) -> None:
    release(tmp_path, "whole", "2026-01-01T00:00:00Z", 100)
    tried = release(tmp_path, "tried", "2026-05-01T00:00:00Z", 40, partial=True)
    other = release(tmp_path, "other", "2025-01-01T00:00:00Z", 300, policy="q")
    purge(tmp_path)
    assert left(tried) == KEPT
    assert "prints" in left(other)  # the newest of its line
    assert "prints" in left(tmp_path / "whole")


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=8))
def test_what_a_next_build_or_the_same_again_reads_is_never_purged(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, bool]]
) -> None:
    """Against the rule that builds follow: the newest whole release with an earlier cut-off."""
    state = tmp_path_factory.mktemp("state")
    for number, (month, partial) in enumerate(made):
        folder = state / f"r{number}"
        folder.mkdir()
        cutoff = f"2026-0{month}-01T00:00:00+00:00"
        told = {"release": f"r{number}", "register": "epc", "policy": "p", "cutoff": cutoff}
        (folder / "report.json").write_text(json.dumps({**told, "partial": partial}))
    whole = sorted((month, f"r{n}") for n, (month, partial) in enumerate(made) if not partial)
    needed = {each.release for each in needed_releases(state)}
    expected = set()
    if whole:
        expected.add(whole[-1][1])  # the next build
        newest = whole[-1][0]
        for name in [name for month, name in whole if month == newest]:  # one of these again
            before = [r for r in whole if r[0] < newest and r[1] != name]
            expected |= {before[-1][1]} if before else set()
    assert needed == expected


def test_work_of_killed_builds(tmp_path: Path) -> None:
    lock = aged(tmp_path / "work" / "epc-release-build-a.lock", 8)
    aged(tmp_path / "work" / "epc-release-build-a" / "spill" / "x", 8)
    busy = aged(tmp_path / "work" / "epc-release-build-b.lock", 8)
    aged(tmp_path / "work" / "epc-release-build-b" / "x", 8)
    young = aged(tmp_path / "work" / "epc-release-build-c.lock", 8)
    aged(tmp_path / "work" / "epc-release-build-c" / "x", 1)
    with held(busy):
        purge(tmp_path)
    assert not lock.exists()
    assert not lock.with_suffix("").exists()
    assert busy.exists()
    assert busy.with_suffix("").is_dir()
    assert young.with_suffix("").is_dir()


def test_nothing_is_purged_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "epc-release-state"
    old = state / "old" / "quarantine" / "t.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    os.utime(old.parent, (0, 0))
    assert main(["purge", "--dry-run"]) == 0
    assert "Would be deleted: 1" in capsys.readouterr().out
    assert main(["purge"]) == 2
    assert "E440" in capsys.readouterr().err
    assert old.exists()
    Path("release.toml").write_text("[retention]\nquarantine = 99999\n")
    assert main(["purge", "--yes"]) == 0
    assert old.exists()
    assert main(["purge", "--yes", "--retention", "quarantine=14", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("{")[2].join(("{", "")))
    assert [each["kind"] for each in told["deleted"]] == ["quarantine"]
    assert not old.exists()
    log = (state / "operations.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in log] == ["begun", "done"]


def test_retention_is_read_from_a_table_or_a_line() -> None:
    assert parse_retention({"work": 3}) == Retention(work=3)
    assert parse_retention("quarantine=1, line=2") == Retention(quarantine=1, line=2)
    for wrong in ({"other": 3}, {"work": -1}, {"work": True}, "work", 7):
        with pytest.raises(ValueError, match=r"no kind|whole number|table"):
            parse_retention(wrong)
    assert public_releases(None) == frozenset()
