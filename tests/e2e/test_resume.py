"""Builds that are killed and continued: the same bytes as if nothing had happened.

A sample of what ``scripts/crashes`` does: kill -9 at steps of the journal and at any other time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from epc_release.release import pipeline

Extract = Callable[..., Path]
Build = Callable[..., Any]
DYING = Path(__file__).with_name("dying.py")
ROOT = Path(__file__).parents[2]


class Resumed:
    """``build --resume --jobs 2`` in folders of its own, as often as one likes."""

    def __init__(self, source: Path, folder: Path, policy: str) -> None:
        self.out, self.state = folder / "out", folder / "state"
        self._arguments = (
            *("build", "--resume", "--jobs", "2", "--source", str(source), "--release", "t1"),
            *("--suppressions", str(source / "suppressions.csv"), "--policy", policy),
            *("--out", str(self.out), "--state", str(self.state)),
        )

    def start(self, step: int = 0, *more: str) -> subprocess.Popen[str]:
        """Start a build that dies at that step of the journal."""
        return subprocess.Popen(
            [sys.executable, str(DYING), str(step), *self._arguments, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def run(self, step: int = 0, *more: str) -> tuple[int, str]:
        """Exit code and stderr."""
        process = self.start(step, *more)
        _, err = process.communicate(timeout=300)
        return process.returncode, err

    @property
    def sums(self) -> bytes:
        return (self.out / "t1" / "SHA256SUMS").read_bytes()

    @property
    def work(self) -> list[Path]:
        return [p for p in (self.state / "work").glob("epc-release-build-*") if p.is_dir()]

    def tasks(self) -> int:
        """Tasks that the last build ran itself."""
        report = json.loads((self.state / "t1" / "report.json").read_text("utf-8"))
        return sum(stage["tasks"] for stage in report["profile"]["stages"].values())


@pytest.fixture
def resumed(extract: Extract, tmp_path: Path) -> Callable[[str], Resumed]:
    return lambda policy: Resumed(extract(), tmp_path / "resumed", policy)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["address-level", "deidentified"])
def test_killed_at_steps_of_the_journal(
    resumed: Callable[[str], Resumed], build: Build, extract: Extract, policy: str
) -> None:
    one = resumed(policy)
    expected = build(extract(), policy=policy)
    for step in (3, 10, 11, 12):
        code, err = one.run(step)
        assert code == -signal.SIGKILL, err
        assert not one.out.exists() or not list(one.out.iterdir())
        assert len(one.work) == 1
    code, err = one.run()
    assert code == 0, err
    assert one.sums == (expected.path / "SHA256SUMS").read_bytes()
    assert not (one.state / "work").exists()
    kept = {p.relative_to(one.state) for p in one.state.rglob("*") if "private" not in p.parts}
    undisturbed = expected.state
    assert kept == {
        p.relative_to(undisturbed) for p in undisturbed.rglob("*") if "private" not in p.parts
    }


@pytest.mark.slow
def test_killed_at_any_time(
    resumed: Callable[[str], Resumed], build: Build, extract: Extract
) -> None:
    one = resumed("address-level")
    expected = build(extract(), policy="address-level")
    for seconds in (2.5, 3.5):
        process = one.start()
        time.sleep(seconds)
        process.kill()
        process.communicate()
    assert one.run()[0] == 0
    assert one.sums == (expected.path / "SHA256SUMS").read_bytes()


@pytest.mark.slow
def test_what_was_done_is_not_done_again(resumed: Callable[[str], Resumed]) -> None:
    one = resumed("address-level")
    assert one.run()[0] == 0
    whole = one.tasks()
    (one.out / "t1").rename(one.out / "before")
    assert one.run(40)[0] == -signal.SIGKILL
    assert one.run()[0] == 0
    assert one.sums == (one.out / "before" / "SHA256SUMS").read_bytes()
    assert whole - 41 <= one.tasks() <= whole - 38


@pytest.mark.slow
def test_another_input_is_not_continued(resumed: Callable[[str], Resumed]) -> None:
    one = resumed("address-level")
    assert one.run(5)[0] == -signal.SIGKILL
    code, err = one.run(0, "--compression-level", "1", "--archives", "all")
    assert code == 2
    assert "E314" in err
    assert "archives, compression level differ" in err
    assert len(one.work) == 1  # and may still be continued
    assert one.run()[0] == 0


def test_lists_of_changes_are_continued_too(
    extract: Extract, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "days"
    shutil.copytree(extract(), source)
    (source / "extract.json").unlink()
    one, two = (datetime(2026, 10, 1, 0, 0, second, tzinfo=UTC) for second in (0, 1))
    first = build(source, release="r1", cutoff=one, suppressions_as_of=one)
    certificates = source / "domestic-certificates.csv"
    lines = certificates.read_bytes().splitlines(keepends=True)
    certificates.write_bytes(b"".join(lines[:1] + lines[9:]))
    day = {"cutoff": two, "suppressions_as_of": two, "previous": str(first.path), "release": "r2"}
    expected = build(source, **day, out=tmp_path / "plain", state=tmp_path / "plain-state").path
    assert (expected / "changes" / "r1" / "changes.json").is_file()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "describe", full)  # after nearly every task
        with pytest.raises(OSError, match="No space"):
            build(source, **day, resume=True)
    done = build(source, **day, resume=True)
    assert (done.path / "SHA256SUMS").read_bytes() == (expected / "SHA256SUMS").read_bytes()
    assert [name for name, each in done.profile.stages.items() if each.tasks] == ["look"]
