"""The work folder goes when the build ends, however it ends; a release appears whole or not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.resume import JOURNAL, KEPT, Build
from epc_release.release.workspace import install, workspace


def settings(tmp_path: Path) -> Settings:
    return Settings(out=tmp_path / "out", state=tmp_path / "state")


def build(*, resumable: bool = False, policy: str = "open", **facts: str) -> Build:
    return Build(("epc", policy), "r1", "2026-01-01T00:00:00+00:00", resumable, facts)


def test_work_is_private_and_removed(tmp_path: Path) -> None:
    with workspace(settings(tmp_path), build()) as work:
        assert stat.S_IMODE(work.stat().st_mode) == 0o700
        (work / "spill").write_text("private")
    assert not (tmp_path / "state" / "work").exists()
    with pytest.raises(KeyboardInterrupt), workspace(settings(tmp_path), build()) as work:
        raise KeyboardInterrupt
    assert not work.exists()


def test_what_a_killed_build_left_is_removed_and_a_running_one_is_not(tmp_path: Path) -> None:
    left = tmp_path / "state" / "work" / "epc-release-build-killed"
    left.mkdir(parents=True)
    left.with_suffix(".lock").touch()
    foreign = left.with_name("build-of-someone-else")
    foreign.mkdir()
    with workspace(settings(tmp_path), build()) as running:
        assert not left.exists()
        assert not left.with_suffix(".lock").exists()
        assert foreign.exists()
        with workspace(settings(tmp_path), build()):
            assert running.exists()


def interrupted(tmp_path: Path, made: Build) -> Path:
    """The work folder that an interrupted build left."""
    with pytest.raises(KeyboardInterrupt), workspace(settings(tmp_path), made) as work:
        raise KeyboardInterrupt
    return work


def test_a_resumable_build_is_continued_by_the_same_alone(tmp_path: Path) -> None:
    mine = build(resumable=True, memory="1")
    work = interrupted(tmp_path, mine)
    (work / "spill").write_text("private")
    with workspace(settings(tmp_path), build(policy="another")):
        assert work.exists()  # another line's is left alone
    with (
        pytest.raises(ReleaseError, match=r"E314.*memory, seed differ") as refused,
        workspace(settings(tmp_path), build(resumable=True, memory="2", seed="1")),
    ):
        pytest.fail("another build must not be continued")
    assert refused.value.exit == 2
    with workspace(settings(tmp_path), mine) as again:
        assert again == work
        assert (again / "spill").read_text() == "private"
        with workspace(settings(tmp_path), mine) as other:
            assert other != again  # which somebody is at
    assert not (tmp_path / "state" / "work").exists()


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (OSError(28, "No space left on device"), True),
        (ReleaseError("E301", count=1, table="t"), True),
        (ReleaseError("E411", policy="p", table="t", id="i", rows=1), False),
        (ValueError("a defect"), False),
    ],
)
def test_what_can_be_mended_is_kept_where_that_was_asked_for(
    tmp_path: Path, error: Exception, kept: bool
) -> None:
    for resumable in (True, False):
        with (
            pytest.raises(type(error)),
            workspace(settings(tmp_path), build(resumable=resumable)) as work,
        ):
            raise error
        assert work.exists() == (kept and resumable)


def test_without_resume_the_same_build_begins_anew(tmp_path: Path) -> None:
    mine = build(resumable=True)
    work = interrupted(tmp_path, mine)
    with workspace(settings(tmp_path), build()) as other:
        assert other != work
        assert not work.exists()


def test_a_resumable_build_that_nobody_asks_for_is_removed_in_the_end(tmp_path: Path) -> None:
    mine = build(resumable=True)
    work = interrupted(tmp_path, mine)
    (work / JOURNAL).touch()
    old = (work / JOURNAL).stat().st_mtime - KEPT.total_seconds() - 60
    os.utime(work / JOURNAL, (old, old))
    with workspace(settings(tmp_path), build(policy="another")):
        assert not work.exists()


def release(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "SHA256SUMS").write_text(text)
    return folder


def test_a_release_is_installed_once_and_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert install(release(tmp_path / "a", "one"), out, "r1")
    assert not install(release(tmp_path / "b", "one"), out, "r1")
    with pytest.raises(ReleaseError, match="E601"):
        install(release(tmp_path / "c", "other"), out, "r1")
    assert (out / "r1" / "SHA256SUMS").read_text() == "one"
    assert [path.name for path in out.iterdir()] == ["r1"]


def test_a_release_from_another_file_system_is_copied_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = release(tmp_path / "a", "one")
    rename = Path.rename

    def across(self: Path, target: Path) -> Path:
        if self == made:
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    assert install(made, tmp_path / "out", "r1")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["r1"]
    assert stat.S_IMODE((tmp_path / "out" / "r1").stat().st_mode) == 0o755
