"""Any register is a folder; a folder that contradicts itself is refused by file and place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register

REGISTER = """
name = "trees"
title = "Trees of a city"
default_policy = "open"
timezone = "Europe/London"

[[licences]]
name = "OGL-UK-3.0"
title = "Open Government Licence v3.0"

[codelists]
ward = "wards"

[tables.visits]
schema = "visits.schema.json"
parent = "trees"
sort = ["tree", "visit"]
archive = "trees"
member = "visits"

[tables.trees]
schema = "trees.schema.json"
partition = "ward"
year = "planted"
sort = ["tree"]
archive = "trees"
member = "trees"
"""
TREES: dict[str, Any] = {
    "fields": [
        {"name": "tree", "constraints": {"required": True}},
        {"name": "ward"},
        {"name": "planted", "type": "date"},
        {"name": "height", "type": "number"},
        {"name": "gardener", "extractOnly": True},
    ],
    "primaryKey": ["tree"],
}
VISITS: dict[str, Any] = {
    "fields": [{"name": "tree"}, {"name": "visit", "type": "integer"}],
    "primaryKey": ["tree", "visit"],
    "foreignKeys": [{"fields": ["tree"], "reference": {"resource": "trees", "fields": ["tree"]}}],
}
DIALECT = """
name = "city"
title = "The city's files"
case = "upper"

[rewrites]
ward = [{ pattern = "^Ward ", replace = "" }]

[tables.trees]
optional = ["height"]
input_only = ["Notes"]
header = ["Tree Id", "WARD", "PLANTED", "HEIGHT", "Notes"]

[tables.trees.columns]
tree = ["Tree Id", "TreeID"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "codelists").mkdir()
    (tmp_path / "register.toml").write_text(REGISTER, encoding="utf-8")
    (tmp_path / "trees.schema.json").write_text(json.dumps(TREES), encoding="utf-8")
    (tmp_path / "visits.schema.json").write_text(json.dumps(VISITS), encoding="utf-8")
    (tmp_path / "dialects" / "city.toml").write_text(DIALECT, encoding="utf-8")
    (tmp_path / "codelists" / "wards.csv").write_text(
        "code,name_en\nN,North\nS,South\n", encoding="utf-8"
    )
    return tmp_path


def refused(folder: Path | str, code: str = "E121") -> str:
    with pytest.raises(ReleaseError) as caught:
        load_register(folder)
    assert caught.value.problem.code == code
    assert caught.value.exit == 2
    return str(caught.value)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change_schema(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    edit(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


@pytest.mark.parametrize("as_text", [True, False])
def test_a_folder_is_a_register(folder: Path, as_text: bool) -> None:
    register = load_register(str(folder) if as_text else folder)
    trees, visits = register.tables
    assert (trees.name, trees.key, trees.partition, trees.year) == (
        "trees",
        ("tree",),
        "ward",
        "planted",
    )
    assert (visits.parent, visits.key, visits.partition) == ("trees", ("tree",), "ward")
    assert register.codelists["ward"].slugs == {"N": "N-North", "S": "S-South"}
    dialect = register.dialects[0]
    assert dialect.columns == {
        "Tree Id": "tree",
        "TreeID": "tree",
        "WARD": "ward",
        "PLANTED": "planted",
        "HEIGHT": "height",
    }
    assert dialect.rewrites == {"ward": (("^Ward ", ""),)}
    assert register.dialects[1].rewrites == {}
    assert register.dialects[1].header == ("TREE", "VISIT")


def test_its_headers_are_recognised(folder: Path) -> None:
    register = load_register(folder)
    match = match_header(["notes", "treeid", "ward", "planted"], register, file="a.csv")
    assert match.columns == (None, "tree", "ward", "planted")


def test_a_folder_stands_for_itself_wherever_it_is(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "epc"
    shutil.copytree(folder, moved, ignore=shutil.ignore_patterns("epc"))
    assert load_register(moved).name == "trees"
    assert load_register("epc").name == "epc"


def test_an_unknown_register_is_named_with_the_known_ones() -> None:
    message = refused("no-such-register", "E120")
    assert "no-such-register" in message
    assert "epc" in message


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "trees"', "name = 1", "name must be given as text"),
        ('title = "Trees of a city"', "", "title must be given as text"),
        ('name = "trees"', 'nmae = "trees"', "nmae is no key"),
        ('name = "trees"', "name = ", "it is no TOML"),
        ('partition = "ward"', 'partition = "wrad"', "[tables.trees] the table names wrad"),
        ('year = "planted"', 'year = "felled"', "the table names felled"),
        ('sort = ["tree"]', 'sort = ["oak"]', "the table names oak"),
        ('sort = ["tree"]', "", "sort must name columns"),
        ('sort = ["tree"]', 'sort = "tree"', "sort must be a list of texts"),
        ('parent = "trees"', 'parent = "woods"', "parent woods must be a table"),
        ('parent = "trees"', 'parent = "trees"\nyear = "visit"', "year is the parent's"),
        ('ward = "wards"', 'wrad = "wards"', "no table has a column wrad"),
        ("[[licences]]", "[licences]", "licences must be a list of tables"),
        ('name = "OGL-UK-3.0"', 'name = "CC0-1.0"', "licences has no OGL-UK-3.0"),
        ('title = "Open Government Licence v3.0"', "", "each of licences must have a title"),
    ],
)
def test_a_wrong_register_file(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder / "register.toml", old, new)
    message = refused(folder)
    assert "register.toml" in message
    assert problem in message


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda s: s.pop("fields"), "it must have fields"),
        (lambda s: s["fields"].append({"type": "string"}), "it must have fields"),
        (lambda s: s["fields"].insert(0, {"name": "ward"}), "field ward is given twice"),
        (lambda s: s["fields"][1].update(type="text"), "ward: text is no type"),
        (lambda s: s["fields"][1].update(constraints={"pattern": "("}), "ward: ( is no regular"),
        (lambda s: s.pop("primaryKey"), "it must have a primaryKey"),
        (lambda s: s.update(primaryKey=["oak"]), "primaryKey names oak"),
        (lambda s: s.update(foreignKeys=[{"fields": "tree"}]), "foreignKeys must give lists"),
        (lambda s: s["fields"].append({"name": "late"}), "fields with extractOnly must come after"),
        (
            lambda s: s["fields"][1].update(derive={"from": "oak", "bands": [["A", None, None]]}),
            "derive of ward names oak",
        ),
        (
            lambda s: s["fields"][1].update(derive={"from": "tree", "bands": [["A", None, None]]}),
            "ward: bands come from a number",
        ),
        (
            lambda s: s["fields"][1].update(derive={"from": "height", "bands": [["A", 1, 2]]}),
            "ward: bands must follow each other",
        ),
        (
            lambda s: s["fields"][1].update(
                derive={"from": "height", "bands": [["B", None, 20], ["A", 22, None]]}
            ),
            "ward: bands must follow each other",
        ),
        (
            lambda s: s["fields"][1].update(derive={"from": "height", "bands": ["A"]}),
            "ward: a band is a label",
        ),
        (lambda s: s["fields"][1].update(derive="height"), "ward: derive must have from and bands"),
        (lambda s: s["fields"][1].update(constraints=[]), "ward: constraints must be an object"),
    ],
)
def test_a_wrong_schema(
    folder: Path, edit: Callable[[dict[str, Any]], object], problem: str
) -> None:
    change_schema(folder / "trees.schema.json", edit)
    message = refused(folder)
    assert "trees.schema.json" in message
    assert problem in message


def test_a_schema_that_is_no_json(folder: Path) -> None:
    (folder / "trees.schema.json").write_text("{", encoding="utf-8")
    assert "trees.schema.json: it is no JSON" in refused(folder)


def test_a_child_without_a_foreign_key(folder: Path) -> None:
    change_schema(folder / "visits.schema.json", lambda schema: schema.pop("foreignKeys"))
    assert "the schema has no foreign key to trees" in refused(folder)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('case = "upper"', 'case = "Title"', "case must be one of upper, lower, as-is"),
        ('case = "upper"', 'case = "upper"\nextract = "no"', "extract must be true or false"),
        ('case = "upper"', "cases = 1", "cases is no key"),
        ("[tables.trees]", "[tables.woods]\n[tables.trees]", "tables: woods cannot stand there"),
        ('optional = ["height"]', 'optional = ["tree"]', "optional: tree cannot stand there"),
        ('optional = ["height"]', 'absent = ["tree"]', "absent: tree cannot stand there"),
        ('tree = ["Tree Id"', 'oak = ["Tree Id"', "columns: oak cannot stand there"),
        ('"TreeID"]', '"ward"]', "WARD stands for two columns"),
        ('input_only = ["Notes"]', 'input_only = ["notes", "NOTES"]', "NOTES stands for two"),
        ('"HEIGHT", "Notes"]', '"HEIGHT", "Remarks"]', "header: Remarks cannot stand there"),
        ('"HEIGHT", "Notes"]', '"Notes"]', "a column that is not in header: HEIGHT"),
        ("^Ward ", "(Ward ", "ward: (Ward  is no regular expression"),
        ("ward = [{", "oak = [{", "rewrites: oak cannot stand there"),
        ('replace = ""', 'with = ""', "with is no key"),
    ],
)
def test_a_wrong_dialect(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder / "dialects" / "city.toml", old, new)
    message = refused(folder)
    assert "city.toml" in message
    assert problem in message


def test_a_register_without_dialects(folder: Path) -> None:
    (folder / "dialects" / "city.toml").unlink()
    assert "the register has no dialects" in refused(folder)


def test_two_dialects_of_one_name(folder: Path) -> None:
    shutil.copy(folder / "dialects" / "city.toml", folder / "dialects" / "copy.toml")
    assert "dialect city of trees is given twice" in refused(folder)


def test_a_wrong_code_list_of_the_folder(folder: Path) -> None:
    (folder / "codelists" / "wards.csv").write_text("code\nN\n", encoding="utf-8")
    assert "wards.csv: it has no column name_en" in refused(folder, "E128")


def test_a_missing_schema_file(folder: Path) -> None:
    (folder / "visits.schema.json").unlink()
    assert "visits.schema.json" in refused(folder)
