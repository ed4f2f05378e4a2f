"""A policy that is wrong in any way stops before anything is read, naming file and line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from epc_release.anonymise.policy import Policy, load_policy
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

Write = Callable[..., Path]


def test_what_a_policy_says(policy: Policy, write: Write) -> None:
    assert policy.needs_key
    assert policy.max_age == timedelta(hours=24)
    assert policy.reasons["country"] == "out-of-scope"
    assert policy.sha256 == sha256(write().read_bytes()).hexdigest()
    assert policy.tables["homes"]["area"].column_class == "key"
    assert pickle.loads(pickle.dumps(policy)) == policy


WRONG = [
    ('name = "test"', "name = ", "E140", None),
    ('name = "test"', 'name = "test"\nrisk = 3', "E141", 3),
    ('name = "test"', "", "E141", 1),
    ('access = "open"', 'access = "public"', "E141", 6),
    ('register = "toy"', 'register = "epc"', "E141", 3),
    ("contains_personal_data = false", "contains_personal_data = true", "E141", 6),
    ('rule = "bin"', 'rule = "bins"', "E141", None),
    ("edges = [50, 100.5]", "edges = [50, 50]", "E141", None),
    ("edges = [50, 100.5]", 'edges = ["p1", "p99"]', "E141", None),
    ("top = 100", 'top = "p99"', "E141", None),
    ("top = 100", "top = 101", "E141", None),
    ("to = 5\n", "to = 0\n", "E141", None),
    ('why = "joins"', "", "E141", None),
    ('class = "key"', 'class = "quasi"', "E141", None),
    ('legal = "an act"', "", "E141", None),
    ('drop_if = "cancelled"', "", "E141", None),
    ('id = "cancelled"', 'id = "country"', "E141", None),
    ('columns = ["area"]', 'columns = ["area", "score"]', "E142", None),
    ('columns = ["area"]', 'columns = ["aria"]', "E143", None),
    ('tables = ["works"]', 'tables = ["worcs"]', "E143", None),
    ('"opt_out"]', "]", "E144", None),
    ("drop_if = \"cancelled\"", "drop_if = \"cancelled and\"", "E145", None),
    ("'England', 'Wales'", "'Englnd', 'Wales'", "E145", None),
    ('to = "sector"', 'to = "street"', "E146", None),
    ('to = "quarter"', 'to = "decade"', "E146", None),
    ('columns = ["area"]\nrule = "bin"\nedges = [50, 100.5]',
     'columns = ["area"]\nrule = "pseudonymise"', "E146", None),
    ('columns = ["authority", "band"]', 'columns = ["authority", "band", "number"]', "E142", None),
    ('why = "useful"', 'why = "useful"\nonly_if_published = "yes"', "E141", None),
    ('why = "useful"', 'why = "useful"\nonly_if_published = true', "E146", None),
    ('why = "joins"', 'why = "joins"\nonly_if_published = true', "E146", None),
    ('why = "private"', 'why = "private"\nonly_if_published = true', "E141", None),
    ('columns = ["area"]\nrule = "bin"\nedges = [50, 100.5]',
     'columns = ["area"]\nrule = "keep"\nonly_if_published = true', "E146", None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "line"), WRONG)
def test_a_wrong_policy_stops(
    old: str, new: str, code: str, line: int | None, write: Write, toy: Register
) -> None:
    path = write(old, new)
    with pytest.raises(ReleaseError) as stopped:
        load_policy(path, toy)
    assert stopped.value.problem.code == code
    assert stopped.value.exit == 2
    assert "test.toml" in str(stopped.value)
    if line is not None:
        assert f"line {line}:" in str(stopped.value)


def test_an_identifier_is_not_kept_where_no_personal_data_is_promised(
    write: Write, toy: Register
) -> None:
    path = write('rule = "pseudonymise"\nclass', 'rule = "keep"\nclass')
    with pytest.raises(ReleaseError, match="E146"):
        load_policy(path, toy)


def test_the_message_names_the_line_of_the_column(write: Write, toy: Register) -> None:
    path = write('columns = ["area"]', 'columns = ["area", "score"]')
    lines = path.read_text().splitlines()
    with pytest.raises(ReleaseError) as stopped:
        load_policy(path, toy)
    assert stopped.value.details["line"] == lines.index('columns = ["score"]') + 1
    assert stopped.value.details["first"] == lines.index('columns = ["area", "score"]') + 1


def test_a_misspelt_column_is_guessed(write: Write, toy: Register) -> None:
    with pytest.raises(ReleaseError, match=r"is it area\?"):
        load_policy(write('columns = ["area"]', 'columns = ["aria"]'), toy)


def test_an_unknown_policy_lists_those_there_are(toy: Register) -> None:
    with pytest.raises(ReleaseError, match="E140"):
        load_policy("no-such", toy)


HIERARCHY = [
    ("authority,region\nE1,North\nE2,North\n", None),
    ("authority,region\nE1,North\nE1,South\n", 3),
    ("authority,region\nE1\n", 2),
    ("authority,region\nE1,\n", 2),
    ("authority,area\nE1,North\n", 1),
    ("authority,region\nE1,E2\nE2,E1\n", 1),
]


@pytest.mark.parametrize(("text", "line"), HIERARCHY)
def test_hierarchies(text: str, line: int | None, write: Write, toy: Register) -> None:
    path = write(
        'columns = ["authority", "band"]',
        'columns = ["authority"]\nrule = "generalise"\nhierarchy = "h.csv"\nto = "region"\n'
        'class = "key"\nwhy = "x"\n[[fields]]\ntables = ["homes"]\ncolumns = ["band"]',
    )
    (path.parent / "h.csv").write_text(text)
    if line is None:
        loaded = load_policy(path, toy)
        assert loaded.sha256 != sha256(path.read_bytes()).hexdigest()
        return
    with pytest.raises(ReleaseError, match=f"h.csv, line {line}:") as stopped:
        load_policy(path, toy)
    assert stopped.value.problem.code == "E147"
