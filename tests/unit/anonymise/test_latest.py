"""``[[latest]]`` of a policy: what is read, what it publishes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.derive import derive_schema, published_sort
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import load_policy
from epc_release.anonymise.screen import bind
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

Write = Callable[..., Path]
LATEST = """
[[latest]]
tables = ["homes"]
column = "latest_here"
unit = "uprn"
by = ["lodged", "moment"]
title = "Latest"
description = "Whether it is."
why = "stock"
"""


def test_the_flag_is_the_last_published_column(write: Write, toy: Register) -> None:
    policy = load_policy(write("", LATEST), toy)
    homes = toy.table("homes")
    schema = derive_schema(homes, policy)
    assert schema.names[-1] == "latest_here"
    assert schema.by_name["latest_here"].descriptor == {
        "name": "latest_here",
        "type": "boolean",
        "title": "Latest",
        "description": "Whether it is.",
    }
    assert published_sort(homes, policy)[-1] == "latest_here"
    assert "latest_here" not in derive_schema(toy.table("works"), policy).names


def test_before_units_are_compared_it_is_false_or_missing(write: Write, toy: Register) -> None:
    policy = load_policy(write("", LATEST), toy)
    homes = toy.table("homes")
    bound = bind(policy, homes, frozenset(homes.schema.names), ())
    assert {"uprn", "lodged", "moment"} <= bound.inputs
    keyring = Keyring(sha256(b"a key for tests only").digest())
    frame = pl.DataFrame({"number": ["a", "b"], "uprn": ["1", None]})
    assert bound.publish(frame, keyring)["latest_here"].to_list() == [False, None]
    bare = bind(
        policy,
        homes,
        frozenset({"number", "opt_out", "postcode"}),
        ("country", "cancelled", "cutoff", "excluded-site"),
    )
    found = bare.publish(frame.drop("uprn"), keyring)["latest_here"]
    assert found.to_list() == [None, None]
    assert found.dtype == pl.Boolean


WRONG = [
    ('tables = ["homes"]', 'tables = ["works"]', "such a flag is for homes"),
    ('"latest_here"', '"band"', "has a column band already"),
    ('"latest_here"', '"Latest here"', "lower-case letters"),
    ('unit = "uprn"', 'unit = "urpn"', "no column urpn"),
    ('"lodged", "moment"]', '"lodgd"]', "no column lodgd"),
    ('"lodged", "moment"]', '"lodged", "lodged"]', "each column once"),
    ('"lodged", "moment"]', '"lodged", "uprn"]', "not the unit"),
    ('why = "stock"', 'why = "stock"\nextra = 1', "extra is not a key"),
    ('tables = ["homes"]', 'tables = ["homes", "homes"]', "has a flag already"),
]


@pytest.mark.parametrize(("old", "new", "says"), WRONG)
def test_what_is_refused(write: Write, toy: Register, old: str, new: str, says: str) -> None:
    assert old in LATEST
    with pytest.raises(ReleaseError, match=says) as caught:
        load_policy(write("", LATEST.replace(old, new, 1)), toy)
    assert caught.value.problem.code == "E141"
