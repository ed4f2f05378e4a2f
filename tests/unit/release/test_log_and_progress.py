"""What is told while a build runs, and to whom."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from epc_release.release import log, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    yield
    log.LOGGER.handlers.clear()
    log.LOGGER.propagate = True
    log.LOGGER.setLevel(logging.NOTSET)


def test_json_is_the_default_only_where_ci_has_no_terminal() -> None:
    assert log.default_format({"CI": "true"}, io.StringIO()) == "json"
    assert log.default_format({"CI": "true"}, Terminal()) == "text"
    assert log.default_format({}, io.StringIO()) == "text"


def test_a_json_line_holds_the_extra_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("json")
    log.LOGGER.warning("two\nlines", extra={"table": "t", "count": 3})
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert (line["level"], line["message"]) == ("warning", "two\nlines")
    assert (line["table"], line["count"]) == ("t", 3)
    assert log.is_json()


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("text")
    log.LOGGER.info("stage done", extra={"stage": "route"})
    log.LOGGER.warning("odd")
    assert capsys.readouterr().err == "stage done (stage route)\nwarning: odd\n"
    assert not log.is_json()


def test_starting_twice_does_not_tell_twice(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("text")
    log.start("text")
    log.LOGGER.info("once")
    assert capsys.readouterr().err == "once\n"


def test_progress_is_chosen_by_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(progress.start("json"), progress.Lines)
    assert isinstance(progress.start("text"), progress.Silent)
    monkeypatch.setattr("sys.stderr", Terminal())
    assert isinstance(progress.start("text"), progress.Bars)


@pytest.mark.parametrize("kind", [progress.Silent, progress.Lines, progress.Bars])
def test_every_progress_takes_the_same_calls(
    kind: type[progress.Progress], capsys: pytest.CaptureFixture[str]
) -> None:
    log.start("json")
    with kind().stage("route", 3, "chunks") as advance:
        advance(1)
        advance(2)
    assert capsys.readouterr().out == ""


def test_log_lines_count_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("json")
    with progress.Lines().stage("route", 3, "chunks") as advance:
        advance(3)
    done = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (done["message"], done["stage"], done["done"]) == ("stage done", "route", 3)
