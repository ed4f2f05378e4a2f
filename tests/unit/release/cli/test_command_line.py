"""The command line's manners: help, messages, exit codes, what goes where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import click
import pytest

from epc_release.errors import ReleaseError, catalogue
from epc_release.release.cli import app, failure, main
from epc_release.release.config import DEBUG, load
from epc_release.release.log import LOGGER

PROGRAM = [sys.executable, "-m", "epc_release.release.cli"]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", DEBUG):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(failure, "_interrupt_on_terminate", lambda: None)


def test_help_lists_the_commands_by_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    headings = [text.index(f"{name}:\n") for name in app.SECTIONS]
    assert headings == sorted(headings)
    assert all(name in text for name in app.group.commands)


@pytest.mark.parametrize("name", app.group.commands)
def test_every_help_has_an_example_and_ends_with_the_next_step(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"  epc-release {name}" in text
    assert "Next: " in text[text.index("--help") :]


def test_no_flag_of_build_is_forgotten() -> None:
    flags = {parameter.name for parameter in app.group.commands["build"].params}
    known = {*load({}, {}).__dataclass_fields__} - {"retention", "keep"}  # of purge and prune
    assert {*known, "config", "json_output"} == flags


def test_plan_and_build_take_the_same_flags() -> None:
    build, plan = (app.group.commands[name].params for name in ("build", "plan"))
    assert [p.name for p in build] == [p.name for p in plan]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert "epc-release, version" in capsys.readouterr().out


@pytest.mark.parametrize("args", [["nonsense"], ["build", "--nonsense"], ["publish"]])
def test_wrong_usage_exits_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--help" in err


def test_an_error_names_its_fix_and_its_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert main(["build"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("E108: ")
    assert "Fix: " in err
    assert "epc-release explain E108" in err


def test_machines_get_the_error_as_a_log_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert main(["build", "--log-format", "json"]) == 2
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["code"]) == ("error", "E108")
    LOGGER.handlers.clear()


def raising(error: BaseException) -> int:
    def run() -> None:
        raise error

    return failure.guard(run)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReleaseError("E108"), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (OSError(28, "No space left on device"), 5),
        (RuntimeError("write failed: No space left on device (os error 28)"), 5),
        (MemoryError(), 5),
        (ValueError("cell 'Jane Doe'"), 1),
        (BrokenPipeError(), 0),
    ],
)
def test_exit_codes(error: BaseException, code: int, capfd: pytest.CaptureFixture[str]) -> None:
    stdout = os.dup(1)
    try:
        assert raising(error) == code
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
    assert "Jane" not in capfd.readouterr().err


def test_a_defect_names_the_place_and_hides_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> None:
        {"address of Jane Doe": 1}["secret"]

    assert failure.guard(run) == 1
    err = capsys.readouterr().err
    assert "KeyError at " in err
    assert "Jane" not in err
    assert "secret" not in err


def test_debugging_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEBUG, "1")
    assert raising(ValueError("a value")) == 1
    assert "a value" in capsys.readouterr().err


def test_a_scheduler_that_terminates_interrupts() -> None:
    script = (
        "import sys, time\n"
        "from epc_release.release.cli import failure\n"
        "def run():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.exit(failure.guard(run))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130


def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [*PROGRAM, "explain", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_help_loads_no_engine() -> None:
    script = (
        "import sys\n"
        "from epc_release.release.cli import app\n"
        "heavy = {'polars', 'pyarrow', 'numpy', 'boto3', 'duckdb'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", script], check=True)
    assert time.monotonic() - started < 30


def test_explain_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "e108"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# E108: ")
    assert "How to fix it" in out


def test_explain_lists_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(catalogue())
    assert main(["explain", "--json"]) == 0
    assert {entry["code"] for entry in json.loads(capsys.readouterr().out)} == set(catalogue())


def test_explain_knows_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E1088"]) == 2
    assert "E108" in capsys.readouterr().err
