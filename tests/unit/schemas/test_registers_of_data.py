"""The registers beside EPC: sound, and made of data alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import epc_release
from epc_release.anonymise.policy import load_policy
from epc_release.release.synth.spec import load_spec
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register, register_names

OTHERS = ("brownfield-land", "price-paid")
NAMES = re.compile(r"brownfield|price.?paid|OrganisationURI|SiteReference|record_status", re.I)


@pytest.mark.parametrize("name", OTHERS)
def test_it_is_whole(name: str) -> None:
    register = load_register(name)
    assert load_policy(register.default_policy, register).access == "open"
    assert load_spec(register).dialect in {dialect.dialect for dialect in register.dialects}
    assert name in register_names()


@pytest.mark.parametrize("name", OTHERS)
def test_each_usual_header_is_that_of_its_dialect(name: str) -> None:
    register = load_register(name)
    for dialect in register.dialects:
        if dialect.headed:
            match = match_header(dialect.header, register, file="a.csv")
            assert match.dialect.dialect == dialect.dialect


def test_no_line_of_code_knows_them() -> None:
    root = Path(next(iter(epc_release.__path__)))
    files = list(root.rglob("*.py"))
    assert files
    assert [path.name for path in files if NAMES.search(code_of(path))] == []


def code_of(path: Path) -> str:
    """A module without comments and docstrings, where examples may stand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(...)
    return ast.unparse(tree)


def test_organisations_are_named_by_their_uris() -> None:
    organisations = load_register("brownfield-land").codelists["OrganisationCode"]
    assert len(organisations.names) > 330
    for code, attributes in organisations.attributes.items():
        assert (
            attributes["uri"].removeprefix("http://opendatacommunities.org/id/").replace("/", "-")
            == code
        )
