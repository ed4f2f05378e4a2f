"""``init`` writes something to start from, and nothing over what is there."""

from __future__ import annotations

import base64
import os
import tomllib
from pathlib import Path

import pytest

from epc_release.anonymise.cellkeys import cell_keyring
from epc_release.anonymise.keys import Keyring
from epc_release.release.cli import init, main
from epc_release.release.config import Settings, load
from epc_release.schemas.load import load_register


def test_the_settings_it_writes_are_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "new")]) == 0
    file = tmp_path / "new" / "release.toml"
    written = load({}, {}, file)
    assert written.register == Settings.register
    assert written.policy == load_register("epc").default_policy
    assert written.out == tmp_path / "new" / "releases"
    assert "EPC_RELEASE_KEY_FILE" in capsys.readouterr().out


def test_every_commented_setting_is_a_real_one(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    lines = (tmp_path / "release.toml").read_text(encoding="utf-8").splitlines()
    offered = [line.removeprefix("# ") for line in lines if line.startswith("# ") and " = " in line]
    assert len(offered) > 5
    for line in offered:
        (tmp_path / "one.toml").write_text(line, encoding="utf-8")
        load({}, {}, tmp_path / "one.toml")


def test_the_policy_is_a_copy(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    assert tomllib.loads((tmp_path / "policy.toml").read_text(encoding="utf-8"))


def test_the_key_is_private_random_and_good_enough(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    file = tmp_path / init.KEY_FILE
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(file.read_text(encoding="ascii"))) == init.KEY_BYTES
    Keyring.from_environment({"EPC_RELEASE_KEY_FILE": str(file)})
    assert init.KEY_FILE in (tmp_path / ".gitignore").read_text(encoding="utf-8")
    assert init.new_key() != init.new_key()
    cell = tmp_path / init.CELL_KEY_FILE
    assert os.name == "nt" or cell.stat().st_mode & 0o777 == 0o600
    both = {"EPC_RELEASE_KEY_FILE": str(file), "EPC_RELEASE_CELL_KEY_FILE": str(cell)}
    assert cell_keyring(both).key_id != Keyring.from_environment(both).key_id


@pytest.mark.parametrize(
    "name", ["release.toml", "policy.toml", ".gitignore", init.KEY_FILE, init.CELL_KEY_FILE]
)
def test_nothing_is_overwritten_and_nothing_half_written(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("E109: ")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"
