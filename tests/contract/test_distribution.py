"""What is installed: the wheel, its data, its name; and the lock that others install from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = (".toml", ".json", ".csv", ".html", ".txt", ".css")


def run(*command: object, cwd: Path = ROOT, **settings: object) -> str:
    """Standard output; ``settings`` are all of ours that the environment has."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in ("PYTHONPATH", "CI") and not k.startswith("EPC_RELEASE_")
    }
    found = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=kept | {name: str(value) for name, value in settings.items()},
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out)
    (found,) = out.glob("*.whl")
    return found


@pytest.mark.slow
def test_the_data_of_the_packages_travel_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "epc_release").rglob("*")
        if path.suffix in (".py", *DATA) or path.name == "py.typed"
    }
    assert wanted <= packed
    assert {name.split("/")[0] for name in packed if ".dist-info/" not in name} == {"epc_release"}
    assert any(name.endswith("/licenses/LICENCE") for name in packed)


@pytest.mark.slow
def test_the_wheel_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are lent by this one, so that no network is needed."""
    venv.create(tmp_path / "venv", with_pip=False)
    binaries = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = binaries / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet",
        "--no-index", wheel)  # fmt: skip
    packages = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    lent = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "lent.pth").write_text("\n".join(lent), encoding="utf-8")
    where = run(python, "-c", "import epc_release; print(epc_release.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(packages)
    errors = json.loads(run(binaries / "epc-release", "explain", "--json", cwd=tmp_path))
    assert len(errors) > 20
    run(binaries / "epc-release", "init", "project", cwd=tmp_path)
    key = tmp_path / "project" / "epc-release.key"
    assert key.is_file()
    assert os.name == "nt" or key.stat().st_mode & 0o777 == 0o600
    _release_is_made(binaries / "epc-release", tmp_path, key)


def _release_is_made(program: Path, at: Path, key: Path) -> None:
    """Extract, both policies, whole verification: all that needs data files of the packages."""
    run(program, "synth", "extract", "--rows", "2000", cwd=at)
    listed = ("--suppressions", "extract/suppressions.csv")
    for policy in ("address-level", "deidentified"):
        run(program, "build", "--source", "extract", *listed, "--policy", policy,
            "--release", policy, "--jobs", "1", cwd=at, EPC_RELEASE_KEY_FILE=key,
            EPC_RELEASE_CELL_KEY_FILE=key.with_name("epc-release-cell.key"))  # fmt: skip
        told = run(program, "verify", at / "releases" / policy, "--deep", cwd=at)
        assert "every row was read" in told


def test_our_top_level_name_shadows_no_other_distribution() -> None:
    owners = set(packages_distributions().get("epc_release", []))
    assert owners <= {"epc-release"}
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert ours == {"epc_release"}


def test_the_lock_has_hashes_and_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links)\b", text, re.M)
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "\npolars==2.1.0 " in text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no run bit")
@pytest.mark.parametrize(
    "name", ["scripts/demo", "scripts/test", "scripts/bench", "scripts/make-docs", ".ci/run"]
)
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
