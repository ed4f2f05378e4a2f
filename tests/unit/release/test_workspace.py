"""The work folder goes when the build ends, however it ends; a release appears whole or not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.workspace import install, workspace


def settings(tmp_path: Path) -> Settings:
    return Settings(out=tmp_path / "out", state=tmp_path / "state")


def test_work_is_private_and_removed(tmp_path: Path) -> None:
    with workspace(settings(tmp_path)) as work:
        assert stat.S_IMODE(work.stat().st_mode) == 0o700
        (work / "spill").write_text("private")
    assert not (tmp_path / "state" / "work").exists()
    with pytest.raises(KeyboardInterrupt), workspace(settings(tmp_path)) as work:
        raise KeyboardInterrupt
    assert not work.exists()


def test_what_a_killed_build_left_is_removed_and_a_running_one_is_not(tmp_path: Path) -> None:
    left = tmp_path / "state" / "work" / "epc-release-build-killed"
    left.mkdir(parents=True)
    left.with_suffix(".lock").touch()
    foreign = left.with_name("build-of-someone-else")
    foreign.mkdir()
    with workspace(settings(tmp_path)) as running:
        assert not left.exists()
        assert not left.with_suffix(".lock").exists()
        assert foreign.exists()
        with workspace(settings(tmp_path)):
            assert running.exists()


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
