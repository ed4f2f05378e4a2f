"""Code lists: local authorities as they come, and lists that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.codelist import read_codelist, slug
from epc_release.schemas.load import load_codelist

AUTHORITIES = load_codelist("local-authorities")


def test_names_slugs_and_regions() -> None:
    assert AUTHORITIES.names["E06000001"] == "Hartlepool"
    assert AUTHORITIES.slugs["E06000001"] == "E06000001-Hartlepool"
    assert AUTHORITIES.attributes["E06000001"]["region_code"] == "E12000001"
    assert AUTHORITIES.attributes["W06000001"]["name_cy"] == "Sir Ynys Môn"


def test_slugs_are_ascii_and_unique_in_any_case() -> None:
    slugs = [*AUTHORITIES.slugs.values()]
    assert all(one.isascii() and " " not in one for one in slugs)
    assert len({one.lower() for one in slugs}) == len(slugs)


def test_every_authority_of_england_and_wales_has_a_region_and_wales_has_welsh_names() -> None:
    for code, attributes in AUTHORITIES.attributes.items():
        assert attributes["region_code"][0] == code[0]
        assert ("name_cy" in attributes) == code.startswith("W")


def test_every_ended_code_has_a_successor_that_exists() -> None:
    ended = [code for code, about in AUTHORITIES.attributes.items() if "end" in about]
    assert len(ended) == 50
    for code in {*ended, *AUTHORITIES.successors}:
        assert AUTHORITIES.successors[code]
        assert AUTHORITIES.attributes[code]["reason"]


@pytest.mark.parametrize(
    ("ended", "successors"),
    [
        ("E10000006", ("E06000063", "E06000064")),  # Cumbria
        ("E07000190", ("E07000246",)),  # Taunton Deane, whose successor has ended too
        ("E07000246", ("E06000066",)),
        ("E07000097", ("E07000242",)),  # East Hertfordshire, recoded
        ("E06000048", ("E06000057",)),  # Northumberland
        ("E08000020", ("E08000037",)),  # Gateshead
    ],
)
def test_successors_are_codes(ended: str, successors: tuple[str, ...]) -> None:
    assert AUTHORITIES.successors[ended] == successors


def test_following_successors_ends() -> None:
    for code in AUTHORITIES.successors:
        seen, open_ends = {code}, [*AUTHORITIES.successors[code]]
        while open_ends:
            one = open_ends.pop()
            assert one != code
            if one not in seen:
                seen.add(one)
                open_ends += AUTHORITIES.successors.get(one, ())


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Bristol, City of", "X-Bristol-City-of"),
        ("King's Lynn and West Norfolk", "X-Kings-Lynn-and-West-Norfolk"),
        ("Sir Ynys Môn", "X-Sir-Ynys-Mon"),
        ("../../etc", "X-etc"),
    ],
)
def test_slug(name: str, made: str) -> None:
    assert slug("X", name) == made


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("code,name\nA,Alpha\n", "it has no column name_en"),
        ("code,name_en\nA,Alpha\nA,Beta\n", "line 3: A is given twice"),
        ("code,name_en\n../A,Alpha\n", "line 2: a code must be"),
        ("code,name_en\nA,\n", "line 2: name_en is empty"),
        ("code,name_en\nA,Al\ufffdpha\n", "line 2: the line is too short, too long or garbled"),
        ("code,name_en\nA,Alpha,more\n", "line 2: the line is too short"),
        ("code,name_en,successors\nA,Alpha,B\n", "line 2: the successor B is not another code"),
        ("code,name_en,successors\nA,Alpha,A\n", "line 2: the successor A is not another code"),
        ("code,name_en,end\nA,Alpha,2020-03-31\n", "line 2: A has ended without successors"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ReleaseError) as caught:
        read_codelist("list", file, "list.csv")
    assert caught.value.problem.code == "E128"
    assert str(caught.value).startswith("E128: list.csv: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("make", [lambda file: None, lambda file: file.write_bytes(b"code,\xff")])
def test_an_unreadable_list_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    file = tmp_path / "list.csv"
    make(file)
    with pytest.raises(ReleaseError, match="E128"):
        read_codelist("list", file, "list.csv")
