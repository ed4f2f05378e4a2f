"""Locks that end with their holder, and nothing that only one system has outside one module."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from epc_release.release.disk import flush_folder, held, private

PACKAGE = Path(__file__).resolve().parents[3] / "epc_release"
ONLY_ONE_SYSTEM = {"fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg"}


def place(tmp_path: Path, kind: str) -> Path:
    if kind == "file":
        (tmp_path / "lock").touch()
        return tmp_path / "lock"
    return tmp_path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_lock_is_one_holders_until_its_block_ends(tmp_path: Path, kind: str) -> None:
    path = place(tmp_path, kind)
    with held(path) as first, held(path) as second:
        assert (first, second) == (True, False)
    with held(path) as again:
        assert again


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_lock_dies_with_its_process(tmp_path: Path, kind: str) -> None:
    path = place(tmp_path, kind)
    script = (
        "import sys, time, pathlib; from epc_release.release.disk import held\n"
        "with held(pathlib.Path(sys.argv[1])) as ours: print(ours, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with held(path) as ours:
            assert not ours
        other.kill()
    with held(path) as ours:
        assert ours


def test_what_is_absent_has_no_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), held(tmp_path / "absent"):
        pass


def test_a_folder_can_be_flushed(tmp_path: Path) -> None:
    flush_folder(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_private_file_is_its_owners_from_the_first_moment(tmp_path: Path) -> None:
    with open(tmp_path / "a", "w", opener=private) as file:
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
        file.write("text")


def test_modules_of_one_system_are_imported_in_one_place() -> None:
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imported(node)
        if name in ONLY_ONE_SYSTEM
    }
    assert found == {("release/disk.py", "fcntl"), ("release/disk.py", "msvcrt")}


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").split(".")[0]]
    return []
