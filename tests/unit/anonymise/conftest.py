"""A small register with a parent and a child, and a policy for it as text to be spoilt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epc_release.anonymise.policy import Policy, load_policy
from epc_release.schemas.register import CodeList, Register, Table
from epc_release.schemas.table import TableSchema

POLICY = """
name = "test"
register = "toy"
title = "A title"
description = "A description"
access = "open"
contains_personal_data = false

[[records]]
id = "country"
tables = ["homes"]
keep_if = "country in ['England', 'Wales']"
reason = "out-of-scope"
legal = "an act"

[[records]]
id = "cancelled"
tables = ["homes"]
drop_if = "cancelled"
reason = "withheld"
legal = "an act"

[[records]]
id = "opt-out"
tables = ["homes"]
suppression_list = { key = "number", flag = "opt_out" }
reason = "withheld"
legal = "an act"

[[records]]
id = "excluded-site"
tables = ["homes"]
exclude_site = { uprn = "uprn", postcode = "postcode" }
reason = "withheld"
legal = "an act"

[[records]]
id = "cutoff"
tables = ["homes"]
keep_if = "lodged <= cutoff and (moment is missing or moment <= cutoff)"
reason = "out-of-scope"
legal = "an act"

[[fields]]
tables = ["homes", "works"]
columns = ["number"]
rule = "pseudonymise"
class = "identifier"
why = "joins"

[[fields]]
tables = ["homes"]
columns = ["lodged"]
rule = "generalise"
to = "quarter"
class = "key"
why = "known"

[[fields]]
tables = ["homes"]
columns = ["area"]
rule = "bin"
edges = [50, 100.5]
class = "key"
why = "known"

[[fields]]
tables = ["homes"]
columns = ["postcode"]
rule = "generalise"
to = "sector"
class = "key"
why = "known"

[[fields]]
tables = ["homes"]
columns = ["score"]
rule = "round"
to = 5
top = 100
class = "sensitive"
why = "known"

[[fields]]
tables = ["homes"]
columns = ["authority", "band"]
rule = "keep"
class = "other"
why = "known"

[[fields]]
tables = ["homes"]
columns = ["uprn", "moment", "country", "cancelled", "opt_out"]
rule = "drop"
class = "identifier"
why = "private"

[[fields]]
tables = ["works"]
columns = ["item", "measure"]
rule = "keep"
class = "other"
why = "useful"
"""


def _field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


HOMES = {
    "primaryKey": ["number"],
    "missingValues": ["", "NO DATA!"],
    "fields": [
        _field("number", kind="string", constraints={"required": True}) | {"kind": "certificate"},
        _field("postcode", licence="LicenseRef-address"),
        _field("authority"),
        _field("lodged", "date", format="%Y-%m-%d", constraints={"required": True}),
        _field("moment", "datetime", format="%Y-%m-%d %H:%M:%S"),
        _field("area", "number", unit="m2", missingValues=["", "-1"]),
        _field("score", "integer", constraints={"maximum": 900}, warn={"maximum": 100}),
        _field("band", constraints={"enum": ["A", "B"]}, derive={"from": "score", "bands": []}),
        _field("uprn", kind="string") | {"kind": "uprn"},
        _field("country", constraints={"enum": ["England", "Wales", "Scotland"]}),
        _field("cancelled", "boolean", trueValues=["Y"], falseValues=["N"]),
        _field("opt_out", "boolean"),
    ],
}
WORKS = {
    "primaryKey": ["number", "item"],
    "foreignKeys": [
        {"fields": ["number"], "reference": {"resource": "homes", "fields": ["number"]}}
    ],
    "fields": [
        _field("number", constraints={"required": True}) | {"kind": "certificate"},
        _field("item", "integer"),
        _field("measure", known_values=["Insulate", "Glaze"]),
    ],
}


@pytest.fixture(scope="session")
def toy() -> Register:
    """Two tables: homes, and works that follow them."""
    homes = Table(
        "homes", TableSchema(HOMES), ("number",), "authority", "lodged", ("lodged", "number"),
        "homes", "homes", unit="uprn",
    )  # fmt: skip
    works = Table(
        "works", TableSchema(WORKS), ("number",), "authority", "lodged", ("number", "item"),
        "homes", "works", parent="homes",
    )  # fmt: skip
    return Register(
        name="toy",
        title="Toy",
        tables=(homes, works),
        dialects=(),
        default_policy="test",
        timezone="Europe/London",
        geography_vintage="",
        codelists={"authority": CodeList("a", {"E1": "Ham"}, {"E1": "Ham"}, {})},
        licences=(),
        sources=(),
        contributors=(),
        homepage="",
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the policy with a part replaced."""

    def written(old: str = "", new: str = "") -> Path:
        assert old in POLICY
        path = tmp_path / "test.toml"
        path.write_text(POLICY.replace(old, new, 1) if old else POLICY + new, encoding="utf-8")
        return path

    return written


@pytest.fixture
def policy(write: Callable[..., Path], toy: Register) -> Policy:
    """The unspoilt policy."""
    return load_policy(write(), toy)
