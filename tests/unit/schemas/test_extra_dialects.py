"""A user's dialect: for the tables that it names, before the register's own, refused by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.extra import with_dialects
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register

TABLE = "domestic-recommendations"
HEADER = (
    *("LMK_KEY", "IMPROVEMENT_ITEM", "IMPROVEMENT_SUMMARY_TEXT", "IMPROVEMENT_DESCR_TEXT"),
    *("IMPROVEMENT_ID", "INDICATIVE_COST"),
)
MINE = f"""
name = "mine"
title = "Mine"
case = "upper"
[tables.{TABLE}.columns]
certificate_number = ["LMK_KEY"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_it_counts_before_the_registers_own_and_for_its_tables_only(file: Path) -> None:
    register = load_register("epc")
    found = with_dialects(register, [file])
    own = [dialect for dialect in found.dialects if dialect.given]
    assert [(dialect.dialect, dialect.table) for dialect in own] == [("mine", TABLE)]
    assert own[0].given == hashlib.sha256(file.read_bytes()).hexdigest()
    assert match_header(HEADER, found, file="x.csv").dialect is own[0]
    assert match_header(HEADER, register, file="x.csv").dialect.dialect != "mine"
    assert with_dialects(register, []) == register


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('name = "mine"\ntitle = ""', "tables: it must say how at least one table is spelled"),
        (MINE.replace('"mine"', '"legacy"'), "there is a dialect legacy already"),
        (MINE.replace(TABLE, "cats"), "tables: cats cannot stand there"),
        (MINE + 'colour = ["RED"]\n', "columns: colour cannot stand there"),
        ("name = ", "it is no TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(file: Path, text: str, problem: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ReleaseError) as caught:
        with_dialects(load_register("epc"), [file])
    assert caught.value.problem.code == "E121"
    assert problem in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_or_given_twice(file: Path, tmp_path: Path) -> None:
    for files in ([tmp_path / "nothing.toml"], [file, file]):
        with pytest.raises(ReleaseError) as caught:
            with_dialects(load_register("epc"), files)
        assert caught.value.problem.code == "E121"
