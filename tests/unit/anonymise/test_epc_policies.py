"""The two policies of the EPC register."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from epc_release.anonymise.derive import UNPUBLISHED, derive_schema
from epc_release.anonymise.policy import POLICIES, Policy, load_policy, policy_names
from epc_release.anonymise.rules.base import Published
from epc_release.anonymise.rules.plain import Drop, Keep
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.screen import bind
from epc_release.anonymise.told import targeting
from epc_release.errors import ReleaseError
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

ORDER = (
    "country", "assessment-type", "cancelled", "not-for-issue", "opt-out", "green-deal",
    "national-security", "excluded-site", "voluntary-dec", "floor-date", "cutoff",
)  # fmt: skip
TABLES = {
    "domestic-certificates": "domestic",
    "non-domestic-certificates": "non_domestic",
    "display-certificates": "display",
    "domestic-recommendations": "domestic_rr",
    "non-domestic-recommendations": "non_domestic_rr",
    "display-recommendations": "display_rr",
}


@pytest.fixture(scope="module")
def epc() -> Register:
    return load_register("epc")


@pytest.fixture(scope="module", params=["address-level", "deidentified"])
def policy(request: pytest.FixtureRequest, epc: Register) -> Policy:
    return load_policy(request.param, epc)


def test_names() -> None:
    assert policy_names("epc") == ("address-level", "deidentified")


def test_every_column_is_named_exactly_once(policy: Policy, epc: Register) -> None:
    import tomllib

    groups = tomllib.loads((POLICIES / "epc" / f"{policy.name}.toml").read_text())["fields"]
    named = Counter((t, c) for group in groups for t in group["tables"] for c in group["columns"])
    assert set(named.values()) == {1}
    assert set(named) == {(t.name, column) for t in epc.tables for column in t.schema.names}


def test_exclusion_rules_in_the_domain_s_order(policy: Policy, epc: Register) -> None:
    assert tuple(dict.fromkeys(rule.id for rule in policy.records)) == ORDER
    for table in epc.tables:
        if table.parent:
            assert not any(table.name in rule.tables for rule in policy.records)
    full = {t.name: bind(policy, t, frozenset(t.schema.names), ()) for t in epc.tables}
    homes, display = full["domestic-certificates"], full["display-certificates"]
    assert set(ORDER) - set(homes.reasons) == {"voluntary-dec"}
    assert set(ORDER) - set(display.reasons) == {"opt-out"}


def test_both_policies_screen_alike(epc: Register) -> None:
    first, second = (load_policy(name, epc).records for name in ("address-level", "deidentified"))
    assert first == second


def test_extract_only_columns_are_never_published(policy: Policy, epc: Register) -> None:
    for table in epc.tables:
        for field in table.schema.fields:
            if field.descriptor.get("extractOnly"):
                assert isinstance(policy.tables[table.name][field.name].rule, Drop)


def test_address_level_publishes_the_published_order(epc: Register, shared_data: Path) -> None:
    policy = load_policy("address-level", epc)
    order = json.loads((shared_data / "epc" / "column_ordering_2026.json").read_text())
    for table in epc.tables:
        assert list(derive_schema(table, policy).names) == order[TABLES[table.name]]
    assert policy.contains_personal_data
    assert policy.access == "registered"
    assert not policy.needs_key


def test_deidentified_lets_out_no_text_that_somebody_typed(epc: Register) -> None:
    """What is kept as it is has a closed form; nothing finer than the authority is published."""
    policy = load_policy("deidentified", epc)
    for table in epc.tables:
        for name, field in policy.tables[table.name].items():
            schema = table.schema.by_name[name]
            if isinstance(field.rule, Keep):
                closed = {"enum", "pattern"} & set(schema.constraints)
                assert closed or schema.type == "integer", (table.name, name)
            if "postcode" in name or "address" in name or name in ("uprn", "constituency"):
                assert not isinstance(field.rule, Published)
    assert policy.needs_key
    assert not policy.contains_personal_data


def test_tables_still_join(epc: Register) -> None:
    policy = load_policy("deidentified", epc)
    rules = [
        policy.tables[table.name][name].rule
        for table in epc.tables
        for name in ("certificate_number", "related_certificate_number")
        if name in table.schema.by_name
    ]
    assert {rule.kind for rule in rules if isinstance(rule, Pseudonymise)} == {"certificate"}
    assert all(isinstance(rule, Pseudonymise) for rule in rules)


def test_a_related_certificate_stands_only_where_it_is_published(
    policy: Policy, epc: Register
) -> None:
    for name in ("non-domestic-recommendations", "display-recommendations"):
        table = epc.table(name)
        assert targeting(table, policy.tables) == ("related_certificate_number",)
        field = derive_schema(table, policy).by_name["related_certificate_number"]
        assert not field.required
        assert field.descriptor["description"].endswith(UNPUBLISHED)


def test_only_an_identifier_can_ask_for_its_record(epc: Register, tmp_path: Path) -> None:
    shutil.copytree(POLICIES / "epc", tmp_path / "epc")
    path = tmp_path / "epc" / "address-level.toml"
    old = 'only_if_published = true\nclass = "identifier"'
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, old.replace("identifier", "other")), encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"E146.*class identifier"):
        load_policy(path, epc)


def test_every_derived_schema_is_a_table_schema(policy: Policy, epc: Register) -> None:
    frictionless = pytest.importorskip("frictionless")
    for table in epc.tables:
        derived = derive_schema(table, policy)
        frictionless.Schema.from_descriptor(json.loads(derived.json()))
        assert derived.primary_key == table.schema.primary_key
