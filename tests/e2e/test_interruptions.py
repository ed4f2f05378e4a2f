"""Builds that are cut off: Ctrl-C, kill -9 and a full disk, of the real command with two workers.

Whatever happens, there is a whole release or none, nothing private is left behind for long, no
process lives on, and the next run works.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from epc_release.release.disk import held
from epc_release.release.report import BuildReport
from epc_release.release.synth import synthesise
from epc_release.schemas.load import load_register

PATIENCE = 60  # seconds
Build = Callable[..., BuildReport]


class Command:
    """``epc-release build --jobs 2`` of a synthetic extract, in a session of its own."""

    def __init__(self, source: Path, folder: Path, *more: str) -> None:
        self.out, self.state = folder / "out", folder / "state"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "epc_release.release.cli", "build", "--jobs", "2"),
                *("--source", str(source), "--suppressions", str(source / "suppressions.csv")),
                *("--policy", "address-level", "--release", "t1", "--out", str(self.out)),
                *("--state", str(self.state), *more),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def work(self) -> list[Path]:
        return [p for p in (self.state / "work").glob("epc-release-build-*") if p.is_dir()]

    def reach(self, stage: str) -> list[psutil.Process]:
        """Wait until that stage has left a first file; the processes below the driver."""
        driver = psutil.Process(self.process.pid)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            children = driver.children(recursive=True)
            if len(children) >= 3 and (stage == "spawn" or self._has(stage)):
                return children
            time.sleep(0.002)
        pytest.fail(f"the build never came to {stage}: {self.process.communicate()}")

    def _has(self, stage: str) -> bool:
        return any(next((folder / stage).glob("*"), None) for folder in self.work)

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout, and stderr without warnings."""
        out, err = self.process.communicate(timeout=PATIENCE)
        lines = (line for line in err.splitlines(True) if not line.startswith("warning: "))
        return self.process.returncode, out, "".join(lines)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small extract of all tables."""
    folder = tmp_path_factory.mktemp("extract") / "register"
    synthesise(
        folder,
        rows=900,
        seed=5,
        register=load_register("epc"),
        dialect="register",
        format="csv",
        tables=None,
        progress=None,
    )
    return folder


@pytest.fixture
def command(source: Path, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*more: str) -> Command:
        started.append(Command(source, tmp_path, *more))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def rebuild(source: Path, build: Build) -> Callable[[], str]:
    """The next run, in the folders of the one before; the checksums of its release."""

    def run() -> str:
        return sums(build(source).path)

    return run


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, str]:
    """Checksums of the release as it is when nothing happens, once they are known."""
    return {}


@pytest.fixture
def expected(undisturbed: dict[str, str], source: Path, build: Build, tmp_path: Path) -> str:
    if not undisturbed:
        places = {"out": tmp_path / "plain" / "out", "state": tmp_path / "plain" / "state"}
        undisturbed["sums"] = sums(build(source, **places).path)
    return undisturbed["sums"]


def sums(release: Path) -> str:
    return (release / "SHA256SUMS").read_text(encoding="ascii")


def gone(processes: list[psutil.Process], seconds: float) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def assert_nothing_left(one: Command) -> None:
    assert not one.out.exists() or not list(one.out.iterdir())
    assert not (one.state / "work").exists()
    assert not (one.state / "t1" / "ledger.json").exists()


@pytest.mark.parametrize("stage", ["spawn", "routed", "fragments"])
def test_ctrl_c(
    command: Callable[..., Command], rebuild: Callable[[], str], expected: str, stage: str
) -> None:
    one = command()
    children = one.reach(stage)
    time.sleep(0.2 if stage == "spawn" else 0)  # while workers load their modules
    os.killpg(one.process.pid, signal.SIGINT)  # as a terminal does: to the driver and its workers
    code, out, err = one.end()
    assert (code, out) == (130, "")
    assert err == "Interrupted; nothing was released.\n"
    assert gone(children, 5)
    assert_nothing_left(one)
    assert rebuild() == expected


def test_a_killed_driver(
    command: Callable[..., Command], rebuild: Callable[[], str], expected: str
) -> None:
    one = command()
    children = one.reach("fragments")
    os.kill(one.process.pid, signal.SIGKILL)
    code, _, err = one.end()  # which comes when the last worker has closed stderr
    assert code == -signal.SIGKILL
    assert "Traceback" not in err
    assert gone(children, 10)  # workers see that their driver is gone, and end by themselves
    assert not one.out.exists()
    (left,) = one.work
    with held(left.with_suffix(".lock")) as free:
        assert free
    assert rebuild() == expected
    assert not left.parent.exists()


@pytest.mark.parametrize("stage", ["routed", "fragments"])
def test_a_killed_worker(command: Callable[..., Command], expected: str, stage: str) -> None:
    one = command()
    victim = next(c for c in one.reach(stage) if "spawn_main" in " ".join(c.cmdline()))
    victim.kill()
    code, _, err = one.end()
    assert (code, err) == (0, "")
    assert sums(one.out / "t1") == expected
    assert not (one.state / "work").exists()


def test_a_build_leaves_another_one_alone(
    command: Callable[..., Command], source: Path, build: Build, expected: str
) -> None:
    """Two builds of the same release at a time: the work of each is its own."""
    one = command()
    one.reach("routed")
    two = build(source)
    code, out, err = one.end()
    assert (code, err) == (0, "")
    assert ("the same stood there already" in out) == two.new  # whoever came second
    assert sums(two.path) == expected
    assert not (one.state / "work").exists()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size, where one may be mounted."""
    folder.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("place", ["work", "out"])
def test_a_full_disk(
    command: Callable[..., Command],
    rebuild: Callable[[], str],
    expected: str,
    tmp_path: Path,
    place: str,
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        out = disk / "out" if place == "out" else tmp_path / "out"
        one = command("--work", str(disk)) if place == "work" else command("--out", str(out))
        code, _, err = one.end()
        assert code == 5, err
        assert err.startswith("E991: The operating system refused to read or write: No space left")
        assert not out.exists() or not list(out.iterdir())
        assert [path for path in disk.iterdir() if path != out] == []
    one.out = tmp_path / "out"
    assert_nothing_left(one)
    assert rebuild() == expected


def limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [10_000, 100_000])
def test_files_that_may_not_grow(
    source: Path,
    rebuild: Callable[[], str],
    expected: str,
    tmp_path: Path,
    size: int,
) -> None:
    """A limit on the size of files fails in other places, and as another error of the system."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "epc_release.release.cli", "build", "--jobs", "1"),
            *("--source", str(source), "--suppressions", str(source / "suppressions.csv")),
            *("--policy", "address-level", "--release", "t1", "--out", str(tmp_path / "out")),
            *("--state", str(tmp_path / "state")),
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited(size),
    )
    assert done.returncode == 5, done.stderr
    assert done.stderr.startswith("E991: ")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "state" / "work").exists()
    assert rebuild() == expected


def test_machines_are_told_of_a_full_disk_too(
    command: Callable[..., Command], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "300k") as disk:
        code, _, err = command("--work", str(disk), "--log-format", "json").end()
    assert code == 5
    assert json.loads(err.splitlines()[-1])["code"] == "E991"
