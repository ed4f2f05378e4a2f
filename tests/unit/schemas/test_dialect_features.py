"""What a dialect may say of drifting files, and how a contradiction is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.fold import folded, loosely_folded
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Latest, Pick, Register

REGISTER = """
name = "trees"
title = "Trees"
default_policy = "open"
timezone = "Europe/London"
refuse = "file"
encodings = ["utf-8", "cp1252"]

[tables.trees]
schema = "trees.schema.json"
partition = "ward"
sort = ["tree"]
archive = "trees"
member = "trees"
[tables.trees.latest]
by = ["seen"]
status = "state"
order = ["new", "gone"]
removes = ["gone"]
"""
SCHEMA = {
    "fields": [
        {"name": "tree"},
        {"name": "ward"},
        {"name": "seen", "type": "date"},
        {"name": "state"},
        {"name": "height", "type": "number"},
    ],
    "primaryKey": ["tree"],
}
DIALECT = """
name = "loose"
title = "Drifting"
fold = "loose"
unnamed = true
blank_rows = true

[tables.trees]
optional = ["height"]
input_only = ["Remarks"]
[tables.trees.columns]
tree = ["Tree ID", "TREE REF"]
[tables.trees.dates]
seen = ["%d/%m/%Y"]
[tables.trees.picks]
state = [{ column = "state" }, { constant = "new" }]
ward = [{ column = "tree", pattern = '^([A-Z]+)', replace = '${1}' }, { file = '^(\\w+)' }]
"""
Made = Callable[..., Register]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """``made(register=(old, new), dialect=(old, new))``: the register, with a text replaced."""

    def make(register: tuple[str, str] = ("", ""), dialect: tuple[str, str] = ("", "")) -> Register:
        (tmp_path / "dialects").mkdir()
        (tmp_path / "trees.schema.json").write_text(json.dumps(SCHEMA))
        (tmp_path / "register.toml").write_text(REGISTER.replace(*register, 1))
        (tmp_path / "dialects" / "loose.toml").write_text(DIALECT.replace(*dialect, 1))
        return load_register(tmp_path)

    return make


def test_a_register_says_how_it_is_read(made: Made) -> None:
    register = made()
    assert (register.refuse, register.encodings) == ("file", ("utf-8", "cp1252"))
    latest = Latest(("seen",), "state", ("new", "gone"), ("gone",))
    assert register.tables[0].latest == latest
    assert latest.columns == ("seen", "state")
    found = register.dialects[0]
    assert (found.fold, found.headed, found.unnamed, found.blank_rows) == (
        "loose",
        True,
        True,
        True,
    )
    assert found.picks["state"] == (Pick("state"), Pick(constant="new"))
    assert found.picks["ward"][1] == Pick(file=True, pattern="^(\\w+)")
    assert found.sources(["tree", "state", "ward"]) == ("tree", "state")
    assert found.header == ("Tree ID", "seen", "state", "height")  # ward is made of others


@pytest.mark.parametrize(
    "header",
    [
        ["Tree ID", "seen"],
        ["TREE-REF", "Seen?", "Height", "remarks"],
        ["\ufefftreeId", "SEEN", "", "", "sta te"],
    ],
)
def test_loose_spellings_unnamed_columns_and_picked_ones_fit(made: Made, header: list[str]) -> None:
    match = match_header(header, made(), file="a.csv")
    assert match.columns[:2] == ("tree", "seen")
    assert len(match.columns) == len(header)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (["Tree ID", "seen", "girth"], "E123"),
        (["seen", "height"], "E124"),
        (["Tree ID", "TREE REF", "seen"], "E122"),
        (["Tree ID", "tree id", "seen"], "E122"),
        (["a", "b", "c"], "E125"),
    ],
)
def test_what_a_loose_dialect_does_not_know_is_still_refused(
    made: Made, header: list[str], code: str
) -> None:
    with pytest.raises(ReleaseError) as caught:
        match_header(header, made(), file="a.csv")
    assert caught.value.problem.code == code


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"file"', '"row"', "refuse must be one of"),
        ('"cp1252"', '"cp0"', "there is no cp0"),
        ('by = ["seen"]', 'by = ["age"]', "age"),
        ('by = ["seen"]', 'by = ["height"]', "must be of type"),
        ('"gone"]\nremoves', '"old"]\nremoves', "order must list"),
        ('status = "state"', "", "order must list"),
        ('by = ["seen"]', 'by = ["seen"]\nfirst = 1', "first is no key"),
    ],
)
def test_a_register_that_contradicts_itself_is_refused(
    made: Made, old: str, new: str, told: str
) -> None:
    with pytest.raises(ReleaseError, match=told) as caught:
        made(register=(old, new))
    assert caught.value.problem.code == "E121"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"loose"\nunnamed', '"other"\nunnamed', "fold must be one of"),
        ('"Remarks"', '"tree-id"', "stands for two columns"),
        ("unnamed = true", "header = false", "shapes must tell"),
        (
            "[tables.trees.dates]",
            "[tables.trees.shapes]\ngirth = '^x'\n[tables.trees.dates]",
            "girth",
        ),
        (
            "[tables.trees.dates]",
            "[tables.trees.shapes]\ntree = '('\n[tables.trees.dates]",
            "regular",
        ),
        ('"%d/%m/%Y"', '"%H:%M"', "is no form of a day"),
        ('{ column = "state" }', "{ }", "one of column, file, constant"),
        ('{ column = "state" }', '{ column = "girth" }', "girth cannot stand there"),
        (
            '{ constant = "new" }',
            '{ constant = "new", pattern = "x" }',
            "only a column has a pattern",
        ),
        ('{ column = "state" }, { constant = "new" }', "", "it must have places"),
        ("'^(\\w+)'", "'('", "no regular expression"),
    ],
)
def test_a_dialect_that_contradicts_itself_is_refused(
    made: Made, old: str, new: str, told: str
) -> None:
    with pytest.raises(ReleaseError, match=told) as caught:
        made(dialect=(old, new))
    assert caught.value.problem.code == "E121"


def test_folds() -> None:
    assert folded("\ufeff Site Reference ") == "site reference"
    spellings = ["LA SITE REF", "La-Site_Ref", "lasiteref?", "\ufeffLA SITE REF "]
    assert {loosely_folded(spelling) for spelling in spellings} == {"lasiteref"}
    assert loosely_folded("??") == ""
