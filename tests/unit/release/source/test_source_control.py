"""The control file: what it must say, and that it is believed only when it holds."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.release.source import Inventory, check_control, chunks, read_chunk
from epc_release.release.source.stream import Digests

if TYPE_CHECKING:
    from tests.unit.release.source.conftest import FailsWith, Source

Content = dict[str, Any]

HOMES = "ID,NAME,CITY\n1,Ann,Leeds\n2,Bob,York\n"
VISITS = "ID,DAY,NOTE,BY\n1,Monday,fine,me\n"


def entry(path: Path, rows: int, name: str | None = None) -> Content:
    data = path.read_bytes()
    return {
        "path": name or path.name,
        "rows": rows,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


@pytest.fixture
def extract(source: Source) -> Content:
    """Writes an extract of three files and returns its control file as a dictionary."""
    homes = source.write("homes.csv", HOMES)
    pair = source.zip("deep/pair.zip", {"homes.csv": HOMES, "visits.csv": VISITS})
    source.write("lists/out.csv", "certificate_number,event,time\n")
    tables = {
        "homes": {"rows": 4, "files": [entry(homes, 2), entry(pair, 2, "deep/pair.zip")]},
        "visits": {"rows": 1, "files": [entry(pair, 1, "deep/pair.zip")]},
    }
    return {
        "version": 1,
        "register": "trial",
        "dialect": "plain",
        "synthetic": True,
        "snapshot_time": "2026-05-01T00:00:00+01:00",
        "tables": tables,
        "suppressions": {"path": "lists/out.csv", "as_of": "2026-04-30T23:00:00Z"},
    }


def put(source: Source, content: Content | str) -> None:
    source.write("extract.json", content if isinstance(content, str) else json.dumps(content))


def checked(source: Source) -> Inventory:
    found = source.discover()
    digests: Digests = {}
    rows: dict[str, int] = {}
    for chunk in chunks(found.parts, work=source.work, chunk_bytes=9, digests=digests):
        rows[chunk.part.name] = rows.get(chunk.part.name, 0) + read_chunk(chunk).rows
        chunk.discard()
    check_control(found, digests, rows)
    return found


def test_control_file_that_holds(source: Source, extract: Content) -> None:
    put(source, extract)
    found = checked(source)
    control = found.control
    assert control is not None
    assert control.suppressions is not None
    assert control.snapshot_time == datetime(2026, 4, 30, 23, tzinfo=UTC)
    assert control.synthetic
    assert control.tables["homes"].rows == 4
    assert control.suppressions.path == "lists/out.csv"
    assert control.suppressions.as_of == datetime(2026, 4, 30, 23, tzinfo=UTC)
    assert found.suppressions_seen == ("in/lists/out.csv",)
    assert len(found.parts) == 3


def test_without_control_file(source: Source) -> None:
    source.write("homes.csv", HOMES)
    assert checked(source).control is None


def test_optional_keys(source: Source, extract: Content) -> None:
    for key in ("dialect", "synthetic", "suppressions"):
        del extract[key]
    (source.root / "lists/out.csv").unlink()
    put(source, extract)
    control = checked(source).control
    assert control is not None
    assert (control.dialect, control.synthetic, control.suppressions) == (None, False, None)


def test_table_of_no_rows(source: Source, extract: Content) -> None:
    path = source.write("none.csv", "ID,DAY,NOTE,BY\n")
    extract["tables"]["visits"]["files"].append(entry(path, 0))
    put(source, extract)
    checked(source)


def test_files_missing_or_too_many(
    source: Source, extract: Content, fails: type[FailsWith]
) -> None:
    put(source, extract)
    extra = source.write("more.csv", VISITS)
    with fails("E242") as failed:
        source.discover()
    assert "in/more.csv" in failed.text
    extra.unlink()
    (source.root / "homes.csv").unlink()
    with fails("E241") as failed:
        source.discover()
    assert "homes.csv" in failed.text


def test_missing_suppressions(source: Source, extract: Content, fails: type[FailsWith]) -> None:
    put(source, extract)
    (source.root / "lists/out.csv").unlink()
    with fails("E241") as failed:
        source.discover()
    assert "lists/out.csv" in failed.text


@pytest.mark.parametrize("what", ["bytes", "sha256", "rows"])
def test_file_that_differs(
    source: Source, extract: Content, fails: type[FailsWith], what: str
) -> None:
    homes = extract["tables"]["homes"]
    homes["files"][0][what] = "0" * 64 if what == "sha256" else 3
    homes["rows"] = sum(file["rows"] for file in homes["files"])
    put(source, extract)
    with fails("E243") as failed:
        checked(source)
    assert what in failed.text
    assert "in/homes.csv" in failed.text


def test_control_file_of_something_else(
    source: Source, extract: Content, fails: type[FailsWith]
) -> None:
    put(source, extract | {"register": "other"})
    with fails("E244"):
        source.discover()
    put(source, extract | {"dialect": "other"})
    with fails("E244"):
        source.discover()


def test_several_control_files(source: Source, extract: Content, fails: type[FailsWith]) -> None:
    put(source, extract)
    source.write("deep/extract.json", "{}")
    with fails("E245"):
        source.discover()


def _changed(extract: Content, path: tuple[str | int, ...], value: object) -> str:
    """The control file with one value replaced (or removed) as JSON."""
    copy = json.loads(json.dumps(extract))
    *steps, last = path
    target = copy
    for step in steps:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return json.dumps(copy)


FILE = ("tables", "homes", "files", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("version",), True),
        (("version",), None),
        (("register",), 5),
        (("snapshot_time",), "2026-05-01"),
        (("snapshot_time",), "2026-05-01T00:00:00"),
        (("snapshot_time",), "2026-13-01T00:00:00Z"),
        (("synthetic",), "yes"),
        (("tables",), []),
        (("tables", "other"), {"rows": 0, "files": []}),
        (("tables", "homes", "rows"), 5),
        (("tables", "homes", "files"), {}),
        (("more",), 1),
        ((*FILE, "rows"), -1),
        ((*FILE, "rows"), True),
        ((*FILE, "bytes"), 1.5),
        ((*FILE, "sha256"), "ABC"),
        ((*FILE, "path"), "../homes.csv"),
        ((*FILE, "path"), "/homes.csv"),
        ((*FILE, "path"), "a\\homes.csv"),
        ((*FILE, "path"), "deep/pair.zip"),
        ((*FILE, "path"), ""),
        ((*FILE, "path"), 7),
        (("suppressions", "as_of"), None),
        (("suppressions", "sha256"), "x"),
    ],
)
def test_what_a_control_file_may_not_say(
    source: Source,
    extract: Content,
    fails: type[FailsWith],
    path: tuple[str | int, ...],
    value: object,
) -> None:
    put(source, _changed(extract, path, value))
    with fails("E240") as failed:
        source.discover()
    assert failed.text.startswith("E240: in/extract.json: ")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"version": 1, "version": 1}', "[" * 100_000])
def test_control_file_that_is_no_json_object(
    source: Source, extract: Content, fails: type[FailsWith], text: str
) -> None:
    put(source, text)
    with fails("E240"):
        source.discover()
