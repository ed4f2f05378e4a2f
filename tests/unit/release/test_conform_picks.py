"""Cells that come from other places: columns by their form, the file's name, constants."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

from epc_release.release.conform.cells import conform
from epc_release.release.conform.codes import CODES
from epc_release.release.conform.picks import pick
from epc_release.release.latest import LATEST, REMOVES, latest_columns
from epc_release.schemas.parse import iso_days
from epc_release.schemas.register import Latest, Pick, TableDialect
from epc_release.schemas.table import TableSchema

LONGITUDE = r"^(?:-[0-6]|[01])(?:\.[0-9]+)?$"
LATITUDE = r"^(?:49|5[0-5])(?:\.[0-9]+)?$"


Cells = dict[str, list[str]]


def picked(column: str, places: list[Pick], cells: Cells, file: str = "a.csv") -> list[str]:
    return pick(column, places, pa.table(cells), file).text.to_list()


def test_a_cell_comes_from_the_first_place_that_has_its_form() -> None:
    places = [Pick("x", pattern=LONGITUDE), Pick("y", pattern=LONGITUDE)]
    cells = {"x": ["-2.2", "52.1", "", "52.1"], "y": ["52.1", " -2.2 ", "1.5", "52.0"]}
    assert picked("x", places, cells) == ["-2.2", "-2.2", "1.5", ""]
    found = pick("x", places, pa.table(cells), "a.csv")
    assert found.misfit.to_list() == [False, False, False, True]
    assert found.given.to_list()[3] == "52.1"


def test_a_form_may_be_written_otherwise_and_a_column_be_absent() -> None:
    places = [
        Pick("none"),
        Pick("point", pattern=r"^POINT\((\S+) \S+\)$", replace="${1}"),
        Pick("grid", pattern=r"^[0-9]{6}$", replace="OSGB36"),
    ]
    cells = {"point": ["POINT(-0.24 51.5)", "", ""], "grid": ["", "389547", "12"]}
    assert picked("x", places, cells) == ["-0.24", "OSGB36", ""]


@pytest.mark.parametrize(
    ("file", "edition"),
    [
        ("folder-2001-01/pp-2024-03.csv", "2024-03"),
        ("pp.zip!pp-2024-03-15.csv", "2024-03-15"),
        ("ppd_data.csv", ""),
    ],
)
def test_the_name_of_the_file_alone_may_tell_something(file: str, edition: str) -> None:
    pattern = r"^.*([0-9]{4}-[0-9]{2}(?:-[0-9]{2})?)\D*$"
    places = [Pick(file=True, pattern=pattern, replace="${1}")]
    assert picked("edition", places, {"a": ["1", "2"]}, file) == [edition, edition]


def test_a_constant_stands_where_nothing_else_does() -> None:
    assert picked("s", [Pick("s"), Pick(constant="A")], {"s": ["D", " "]}) == ["D", "A"]


def test_a_cell_without_a_known_form_counts_and_is_kept_raw() -> None:
    schema = TableSchema({"fields": [{"name": "x", "type": "number"}], "primaryKey": ["x"]})
    dialect = TableDialect(
        "d", "t", {"x": "x"}, frozenset(), frozenset(), {}, (),
        picks={"x": (Pick("x", pattern=LONGITUDE),)},
    )  # fmt: skip
    cells = conform(pa.table({"x": ["-2.5", "900", ""]}), schema, dialect, ("x",), "Europe/London")
    assert cells.frame["x"].to_list() == [-2.5, None, None]
    assert cells.errors.select("__row", "__raw").rows() == [(1, "900")]
    assert CODES[cells.errors["__code"][0]].code == "pattern"


def test_days_in_other_forms_become_iso_and_others_stay() -> None:
    forms = ["%d/%m/%Y", "%d-%b-%y", "%d.%m.%Y", "%Y-%m-%d %H:%M"]
    given = ["21/12/2017", "30-Nov-17", "07.01.2019", "2019-04-11 00:00", "2018-01-02"]
    wrong = ["3/1/2018", "31/02/2018", "2019-04-11 10:00", "NA", None]
    text = pl.Series("d", [*given, *wrong])
    iso = ["2017-12-21", "2017-11-30", "2019-01-07", "2019-04-11", "2018-01-02"]
    assert iso_days(text, forms).to_list() == [*iso, *wrong]


def test_a_missing_value_is_older_and_a_status_has_its_place() -> None:
    latest = Latest(by=("day",), status="s", order=("A", "C", "D"), removes=("D",))
    frame = pl.DataFrame(
        {"day": [None, "2024-01", "2024-01", "2024-01"], "s": ["D", "A", "D", "?"]}
    )
    ranks, removes = latest_columns(frame, latest)
    assert (ranks.name, removes.name) == (LATEST, REMOVES)
    assert ranks.arg_sort().to_list() == [0, 3, 1, 2]
    assert removes.to_list() == [True, False, True, False]
    assert latest_columns(frame, Latest(by=("day",)))[1].to_list() == [False] * 4
