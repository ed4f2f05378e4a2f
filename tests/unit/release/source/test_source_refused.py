"""Files that a register lets a build go on without, files without a header, and encodings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from epc_release.schemas.register import Register, TableDialect

HOME = "ID,NAME,CITY\n1,a,York\n"
HEADLESS = TableDialect(
    "plain", "homes", {"ID": "id", "NAME": "name", "CITY": "city"}, frozenset(), frozenset(), {},
    (), header=("NAME", "ID", "CITY"), headed=False, shapes={"id": "^[0-9]+$", "city": "^[A-Z]"},
)  # fmt: skip


@pytest.fixture
def lenient(source: Any, register: Register) -> Any:
    source.register = replace(register, refuse="file", encodings=("utf-8", "cp1252"))
    return source


def test_a_file_that_is_not_the_registers_is_left_by_name_and_counted(lenient: Any) -> None:
    lenient.write("good.csv", HOME)
    lenient.write("bad.csv", 'NAME,CITY\n"a\nb",York\n\nc,Leeds\n')
    lenient.write("empty.csv", "")
    lenient.zip("pack.zip", {"good.csv": HOME.replace("1", "2"), "no.csv": "ID,NAME\n7,x\n"})
    found = lenient.discover()
    assert [part.name for part in found.parts] == ["in/good.csv", "in/pack.zip!good.csv"]
    assert [(left.name, left.code, left.records) for left in found.refused] == [
        ("in/bad.csv", "E124", 2),
        ("in/empty.csv", "E206", 0),
        ("in/pack.zip!no.csv", "E124", 1),
    ]
    assert "missing columns: ID" in found.refused[0].problem


def test_where_every_file_is_refused_the_first_error_stops_the_build(
    lenient: Any, fails: Callable[[str], Any]
) -> None:
    lenient.write("bad.csv", "NAME,CITY\na,York\n")
    with fails("E124"):
        lenient.discover()


def test_another_register_stops_at_the_first_bad_file(
    source: Any, fails: Callable[[str], Any]
) -> None:
    source.write("good.csv", HOME)
    source.write("bad.csv", "NAME,CITY\na,York\n")
    with fails("E124"):
        source.discover()


def test_encodings_are_tried_in_turn_on_the_whole_file(lenient: Any) -> None:
    far = "x" * 300_000  # beyond what is read for the header
    lenient.write("a.csv", f"ID,NAME,CITY\n1,{far},Café\n".encode("cp1252"))
    lenient.write("b.csv", "ID,NAME,CITY\n2,b,Caffè\n")
    encodings = [part.csv.encoding for part in lenient.discover().parts]
    assert encodings == ["cp1252", None]
    assert [row["city"] for row in lenient.rows()] == ["Café", "Caffè"]


def test_what_no_encoding_reads_is_refused_and_nul_is_no_text(lenient: Any) -> None:
    lenient.write("good.csv", HOME)
    lenient.write("wide.csv", HOME.encode("utf-16-le"))
    lenient.write("odd.csv", b"ID,NAME,CITY\n2,\x81\xff,York\n")
    refused = {left.name: left.code for left in lenient.discover().refused}
    assert refused == {"in/odd.csv": "E212", "in/wide.csv": "E213"}


def test_other_registers_stay_with_utf_8(source: Any, fails: Callable[[str], Any]) -> None:
    source.write("a.csv", "ID,NAME,CITY\n1,a,Café\n".encode("cp1252"))
    with fails("E210"):
        source.discover()


def test_a_file_without_header_is_known_by_its_shape_and_read_from_its_first_line(
    source: Any, register: Register
) -> None:
    source.register = replace(register, dialects=(*register.dialects, HEADLESS))
    source.write("a.csv", "\ufeff\r\nAnna,1,York\r\nBen,2,Leeds\r\n")
    source.write("b.csv", HOME.replace("1", "3"))
    parts = source.discover().parts
    assert [part.match.dialect.headed for part in parts] == [False, True]
    assert (parts[0].csv.skip, parts[0].csv.first_line) == (5, 2)
    assert [row["id"] for row in source.rows()] == ["1", "2", "3"]


@pytest.mark.parametrize("record", ["Anna,x,York", "Anna,1,york", "Anna,1", "Anna,1,York,4"])
def test_a_first_record_of_another_shape_is_no_table(
    source: Any, register: Register, fails: Callable[[str], Any], record: str
) -> None:
    source.register = replace(register, dialects=(*register.dialects, HEADLESS))
    source.write("a.csv", record + "\n")
    with fails("E125") as failure:
        source.discover()
    assert "Anna" not in failure.text
