"""All files of csv-spectrum are read to the JSON that goes with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epc_release.release.check.files import list_files
from epc_release.release.check.targets import Target
from epc_release.release.source import csv
from epc_release.schemas.table import TableSchema

NAMES = (
    *("comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "location_coordinates"),
    *("newlines", "newlines_crlf", "quotes_and_newlines", "simple", "simple_crlf", "utf8"),
)


def read(path: Path) -> list[dict[str, str]]:
    """The records of a file, through the same steps that a check takes."""
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    target = Target("", TableSchema({"fields": [{"name": name} for name in header]}))
    (part,) = list_files([str(path)], [target], None).parts
    rows: list[dict[str, str]] = []
    chunks = csv.chunks(part, work=path.parent, chunk_bytes=1 << 20, limit=None, digests=None)
    for chunk in chunks:
        raw = csv.read_chunk(chunk)
        assert not raw.ragged
        rows += raw.table.to_pylist()
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_as_expected(shared_data: Path, tmp_path: Path, name: str) -> None:
    folder = shared_data / "csv-spectrum"
    expected = json.loads((folder / "expected" / f"{name}.json").read_text(encoding="utf-8"))
    if name == "location_coordinates":
        # its JSON is of another record: one object, with another telephone number
        expected = [{**expected, "Contact Phone Number": "2095257564"}]
    text = (folder / f"{name}.csv").read_bytes()
    if name.endswith("_crlf"):  # a file that has lost what it is named after gets it back
        text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    file = tmp_path / f"{name}.csv"
    file.write_bytes(text)
    assert read(file) == expected


def test_there_are_no_other_files(shared_data: Path) -> None:
    assert {path.stem for path in (shared_data / "csv-spectrum").glob("*.csv")} == set(NAMES)
