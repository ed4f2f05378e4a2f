"""The catalogue of errors and the code that raises them agree."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from epc_release.errors import Problem, ReleaseError, catalogue
from epc_release.release.cli.pages import EXITS

PACKAGE = Path(__file__).resolve().parents[2] / "epc_release"
SOURCES = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
CODE = re.compile(r"\"(E\d{3})\"")


def used() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path, text in SOURCES.items():
        for code in CODE.findall(text):
            found.setdefault(code, []).append(path)
    return found


def asked(problem: Problem) -> set[str]:
    """The details that an error of this kind needs."""
    templates = string.Formatter().parse(f"{problem.message} {problem.fix}")
    return {name for _, name, _, _ in templates if name}


def test_every_code_that_is_raised_has_an_entry() -> None:
    assert {code: paths for code, paths in used().items() if code not in catalogue()} == {}


def test_every_entry_is_raised_somewhere() -> None:
    assert set(catalogue()) - set(used()) == set()


@pytest.mark.parametrize("problem", catalogue().values(), ids=lambda problem: problem.code)
def test_an_entry_is_complete(problem: Problem) -> None:
    assert problem.exit in EXITS
    assert all(text.strip() for text in (problem.title, problem.message, problem.when, problem.fix))
    assert not problem.title.endswith(".")


@pytest.mark.parametrize("problem", catalogue().values(), ids=lambda problem: problem.code)
def test_message_and_fix_are_made_from_the_details(problem: Problem) -> None:
    error = ReleaseError(problem.code, **dict.fromkeys(asked(problem), "x"))
    assert str(error).startswith(f"{problem.code}: ")
    assert not re.search(r"\{\w+\}", f"{error} {error.fix}")


def test_details_of_every_raise_fill_message_and_fix() -> None:
    """``ReleaseError("E…", a=…, b=…)`` names each detail that message and fix ask for."""
    call = re.compile(r"ReleaseError\(\s*\"(E\d{3})\"((?:[^()]|\([^()]*\))*)\)")
    wrong = []
    for path, text in SOURCES.items():
        for code, details in call.findall(text):
            if code not in catalogue():
                continue
            given = set(re.findall(r"(?:^|[,\s(])(\w+)=(?!=)", details))
            names = asked(catalogue()[code])
            if "**" not in details and not names <= given:
                wrong.append((path.name, code, sorted(names - given)))
    assert wrong == []
