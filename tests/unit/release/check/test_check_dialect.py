"""Files that spell a schema in another way, as a dialect says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError

if TYPE_CHECKING:
    from tests.unit.release.check.conftest import Check

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "day", "type": "date"},
        {"name": "kind", "type": "string", "constraints": {"enum": ["flat", "house"]}},
        {"name": "note", "type": "string"},
    ],
    "primaryKey": "id",
}
DIALECT = """
name = "own"
title = "Own"
fold = "loose"
[tables.homes]
absent = ["note"]
optional = ["kind"]
input_only = ["Easting"]
[tables.homes.columns]
id = ["Home ID"]
day = ["Built on"]
kind = ["kind"]
[tables.homes.missing]
day = ["n/a"]
[tables.homes.dates]
day = ["%d/%m/%Y"]
[tables.homes.rewrites]
kind = [{ pattern = "^F$", replace = "flat" }]
"""


@pytest.fixture
def dialect(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(DIALECT, encoding="utf-8")
    return path


def test_columns_days_and_tokens_are_read_as_it_says(run: Check, told: Any, dialect: Path) -> None:
    text = "Built_on,Easting,HOME-ID,Kind\n31/01/2024,1,1,F\nn/a,2,2,house\n31/1/2024,3,2,barn\n"
    assert told(run({"a.csv": text}, SCHEMA, dialect=dialect)) == {
        ("primary-key", "id"): (2, [3, 4]),
        ("type-date", "day"): (1, [4]),
        ("enum", "kind"): (1, [4]),
    }


def test_what_it_does_not_know_is_told(run: Check, told: Any, dialect: Path) -> None:
    text = "Home ID,Home-Id,other,\n1,1,1,1\n"
    assert set(told(run({"a.csv": text}, SCHEMA, dialect=dialect))) == {
        ("blank-header", "column 4"),
        ("duplicate-header", "id"),
        ("extra-field", "other"),
        ("missing-field", "day"),
    }


def test_parquet_is_read_with_it(run: Check, told: Any, dialect: Path) -> None:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    columns: dict[str, Any] = {
        "Home ID": [1, 2],
        "Easting": [5, 6],
        "Built on": ["31/01/2024", "x"],
    }
    pq.write_table(pa.table(columns), out)
    report = run({"a.parquet": out.getvalue()}, SCHEMA, dialect=dialect)
    assert told(report) == {("type-date", "day"): (1, [2])}


def test_files_without_a_header(run: Check, told: Any, dialect: Path) -> None:
    headless = DIALECT.replace('fold = "loose"', "header = false").replace(
        'input_only = ["Easting"]', ""
    )
    dialect.write_text(f'{headless}\n[tables.homes.shapes]\nid = "[0-9]+"\n', encoding="utf-8")
    report = run({"a.csv": "1,31/01/2024,F\nx,n/a,\n"}, SCHEMA, dialect=dialect)
    assert told(report) == {("type-integer", "id"): (1, [2])}


def test_resources_of_a_package_have_their_tables(run: Check, told: Any, dialect: Path) -> None:
    plain = {"name": "plain", "schema": {"fields": [{"name": "x"}]}}
    package = {"resources": [{"name": "homes", "schema": SCHEMA}, plain]}
    files = {"homes.csv": "Home ID,Built on\n1,n/a\n", "plain.csv": "x\n1\n"}
    assert told(run(files, package, dialect=dialect)) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[tables.homes]", "[nothing]"),
        ('id = ["Home ID"]', 'other = ["Home ID"]'),
        ("[tables.homes.dates]", "[tables.homes.picks]\nkind = [{ column = 'id' }]\n[tables.x]"),
    ],
)
def test_a_dialect_that_does_not_fit(run: Check, dialect: Path, old: str, new: str) -> None:
    dialect.write_text(DIALECT.replace(old, new), encoding="utf-8")
    with pytest.raises(ReleaseError, match="E121"):
        run({"a.csv": "Home ID,Built on\n1,n/a\n"}, SCHEMA, dialect=dialect)
