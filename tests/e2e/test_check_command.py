"""``epc-release check`` as it is called: output, exit codes, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epc_release.release.cli import failure, main

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "note", "type": "string", "constraints": {"maxLength": 4}},
    ],
    "primaryKey": "id",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(failure, "_interrupt_on_terminate", lambda: None)
    Path("schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")


def check(*arguments: str) -> int:
    Path("work").mkdir(exist_ok=True)
    code = main(["check", *arguments, "--schema", "schema.json", "--work", "work"])
    assert not any(Path("work").iterdir())
    return code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"id,note\n1,a\n", 0),
        (b"id,note\n1,=a\n", 0),
        (b"id,note\n1,secret\n", 3),
        (b"id,note\n1,a\n1,b\n", 3),
        (b"id,other\n1,a\n", 3),
        (b"id,note\n1,\xff\n", 2),
        (b"", 2),
        (b'id,note\n1,"a\n', 2),
    ],
)
def test_exit_codes(content: bytes, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes(content)
    assert check("a.csv") == code
    told = capsys.readouterr()
    assert "secret" not in told.out + told.err
    assert ("E260" in told.err) == (code == 3)


def test_json_goes_to_stdout_whatever_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes(b"id,note\n1,secret\n")
    assert check("a.csv", "missing.csv", "--json", "--memory", "1GiB") == 2
    found = json.loads(capsys.readouterr().out)
    assert {issue["code"] for issue in found["issues"]} == {"max-length", "io-error"}
    assert found["stopped"][0]["code"] == "E201"


@pytest.mark.parametrize(
    "wrong",
    [["--memory", "much"], ["--encoding", "nonsense"], ["--jobs", "0"]],
)
def test_wrong_options_are_usage(wrong: list[str]) -> None:
    Path("a.csv").write_bytes(b"id,note\n1,a\n")
    assert check("a.csv", *wrong) == 2


def test_a_password_in_a_uri_is_never_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("s3://me:hunter2@host/a.csv") == 2
    told = capsys.readouterr()
    assert "hunter2" not in told.out + told.err


def test_a_wrong_schema_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes(b"id,note\n1,a\n")
    Path("schema.json").write_text("{}", encoding="utf-8")
    assert check("a.csv") == 2
    assert "schema-error" in capsys.readouterr().out


def begun(jobs: str) -> subprocess.Popen[bytes]:
    """A check of many keys in a process of its own, once it has written the first of them."""
    Path("work").mkdir()
    with Path("a.csv").open("w", encoding="ascii") as file:
        file.write("id,note\n")
        file.writelines(f"{number},abc\n" for number in range(2_000_000))
    options = ["--schema", "schema.json", "--work", "work", "--memory", "256MiB", "--jobs", jobs]
    process = subprocess.Popen(
        [sys.executable, "-m", "epc_release.release.cli", "check", "a.csv", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 60
    while not any(Path("work").glob("*/*.prints")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_a_killed_check_leaves_the_next_one_removes(jobs: str) -> None:
    process = begun(jobs)
    process.kill()
    process.communicate(timeout=60)
    assert any(Path("work").glob("*/*.prints"))
    Path("a.csv").write_text("id,note\n1,a\n", encoding="utf-8")
    assert check("a.csv") == 0  # which looks whether anything is left


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_an_interrupted_check_leaves_nothing() -> None:
    process = begun("2")
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert not any(Path("work").iterdir())
