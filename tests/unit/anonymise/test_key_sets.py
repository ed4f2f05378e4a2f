"""Key sets of a policy: what is read, and what a key set may not be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.anonymise.derive import derive_schema
from epc_release.anonymise.keysets import Sensitive
from epc_release.anonymise.policy import load_policy
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

Write = Callable[..., Path]
RISK = """
[[risk]]
id = "neighbour"
tables = ["homes"]
why = "Somebody next door."
keys = ["authority", "lodged", "area", "postcode"]
unit = "uprn"
k = 5
sensitive = [{ column = "score", l = 2, t = 0.5, ordered = true }]
action = "suppress"
star = ["area", "postcode"]
max_cells = 0.1
max_rows = 0.01
"""


def test_what_a_key_set_says(write: Write, toy: Register) -> None:
    policy = load_policy(write("", RISK), toy)
    (made,) = policy.risk
    assert (made.id, made.table, made.k, made.unit) == ("neighbour", "homes", 5, "uprn")
    assert made.keys == ("authority", "lodged", "area", "postcode")
    assert made.columns == (*made.keys, "score")
    assert made.sensitive == (Sensitive("score", l=2.0, t=0.5, ordered=True),)
    assert (made.star, made.max_cells, made.max_rows) == (("area", "postcode"), 0.1, 0.01)
    area = derive_schema(toy.table("homes"), policy).by_name["area"]
    assert "too few records" in area.descriptor["description"]


def test_a_starred_column_is_not_required(write: Write, toy: Register) -> None:
    text = RISK.replace('keys = ["authority", ', 'keys = ["authority", "band", ')
    plain = load_policy(write("", text), toy)
    assert "required" not in derive_schema(toy.table("homes"), plain).by_name["area"].constraints


WRONG = [
    ('"lodged", "area"', '"lodged", "lodged", "area"', "twice"),
    ('"postcode"]\nunit', '"number"]\nunit', "identifier"),
    ('"postcode"]\nunit', '"uprn"]\nunit', "publishes no column uprn"),
    ('keys = ["authority", "lodged"', 'keys = ["lodged"', "authority must be among the keys"),
    ('keys = ["authority", "lodged"', 'keys = ["authority"', "lodged must be among the keys"),
    ('tables = ["homes"]', 'tables = ["works"]', "children follow"),
    ('unit = "uprn"', 'unit = "urpn"', "no column urpn"),
    ("k = 5", "k = 1", "from 2 on"),
    ("k = 5", "k = 2.5", "whole number"),
    ('star = ["area"', 'star = ["authority"', "cannot be starred"),
    ('star = ["area"', 'star = ["band"', "keys only"),
    ('action = "suppress"', 'action = "fail"', "go with action suppress"),
    ("max_cells = 0.1", "max_cells = 1.1", "share"),
    ("max_cells = 0.1", "max_cells = 0.1\nfrom_rows = 0.5", "whole number"),
    ("max_cells = 0.1\n", "", "needs max_cells"),
    ('column = "score"', 'column = "area"', "no key"),
    ("l = 2", "l = 0", "at least 1"),
    ("t = 0.5", "t = 0", "above 0"),
    ("l = 2, t = 0.5, ", "", "needs l"),
    ("l = 2", "m = 2", "m is not a key"),
    ('sensitive = [{ column = "score", l = 2, t = 0.5, ordered = true }]', "sensitive = 3",
     "list of tables"),
    ('id = "neighbour"', 'id = "The Neighbour"', "lower-case"),
    ("[[risk]]", "[risk]", "[[risk]]"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), WRONG)
def test_a_wrong_key_set_stops(old: str, new: str, says: str, write: Write, toy: Register) -> None:
    assert old in RISK
    with pytest.raises(ReleaseError) as stopped:
        load_policy(write("", RISK.replace(old, new, 1)), toy)
    assert stopped.value.problem.code == "E141"
    assert "test.toml" in str(stopped.value)
    assert says in str(stopped.value)


def test_a_table_has_one_unit_and_a_key_set_stands_once(write: Write, toy: Register) -> None:
    other = RISK.replace('"neighbour"', '"other"').replace('unit = "uprn"', 'unit = "moment"')
    for second, says in ((other, "several units"), (RISK, "stands twice")):
        with pytest.raises(ReleaseError) as stopped:
            load_policy(write("", RISK + second), toy)
        assert says in str(stopped.value)
