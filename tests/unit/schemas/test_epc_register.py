"""The EPC register as data: its order, types, tokens, bands and licences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import frictionless
import jsonschema
import polars as pl
import pytest

from epc_release.schemas.checks.compile import compile_checks
from epc_release.schemas.load import load_register, register_names
from epc_release.schemas.parse.bands import derive_band
from epc_release.schemas.register import Table

EPC = load_register("epc")
ORDER_NAMES = {
    "domestic-certificates": "domestic",
    "domestic-recommendations": "domestic_rr",
    "non-domestic-certificates": "non_domestic",
    "non-domestic-recommendations": "non_domestic_rr",
    "display-certificates": "display",
    "display-recommendations": "display_rr",
}
ADDRESS = {"address1", "address2", "address3", "address4", "address", "posttown", "postcode"}


def published(table: Table) -> list[str]:
    fields = table.schema.fields
    return [field.name for field in fields if not field.descriptor.get("extractOnly")]


def tokens(table: str, column: str) -> tuple[str, ...]:
    return EPC.table(table).schema.missing_values(column)


def test_the_package_brings_the_register() -> None:
    assert "epc" in register_names()


def test_parents_stand_before_their_children() -> None:
    seen: set[str] = set()
    for table in EPC.tables:
        assert table.parent is None or table.parent in seen
        seen.add(table.name)


@pytest.mark.parametrize("table", EPC.tables, ids=lambda table: table.name)
def test_published_columns_are_those_of_the_current_publication(
    table: Table, shared_data: Path
) -> None:
    order = json.loads((shared_data / "epc/column_ordering_2026.json").read_text(encoding="utf-8"))
    assert published(table) == order[ORDER_NAMES[table.name]]


@pytest.mark.parametrize("table", EPC.tables, ids=lambda table: table.name)
def test_each_schema_is_valid_by_the_profile_of_data_package_2(
    table: Table, shared_data: Path
) -> None:
    path = shared_data / "datapackage-profiles/2.0/tableschema.json"
    profile = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(table.schema.descriptor, profile)


@pytest.mark.parametrize("table", EPC.tables, ids=lambda table: table.name)
def test_each_schema_is_read_by_frictionless(table: Table) -> None:
    schema = frictionless.Schema.from_descriptor(json.loads(table.schema.json()))
    assert schema.field_names == list(table.schema.names)


@pytest.mark.parametrize("table", EPC.tables, ids=lambda table: table.name)
def test_each_schema_compiles_to_checks(table: Table) -> None:
    compile_checks(table.schema)


@pytest.mark.parametrize("table", EPC.tables, ids=lambda table: table.name)
def test_every_field_says_what_it_is(table: Table) -> None:
    for field in table.schema.fields:
        assert field.descriptor["title"]
        assert field.descriptor["description"].endswith((".", "not."))
        assert ("licence" in field.descriptor) or field.descriptor.get("extractOnly")
        assert (field.licence == "LicenseRef-epc-address-data") == (field.name in ADDRESS)


def test_extract_only_columns_are_the_status_and_the_private_fields() -> None:
    hidden = {
        table.name: {f.name for f in table.schema.fields if f.descriptor.get("extractOnly")}
        for table in EPC.tables
    }
    status = {"assessment_type", "cancelled", "not_for_issue", "opt_out", "green_deal"}
    private = {"address4", "owner", "occupier", "assessor_name", "internal_id"}
    for name in ("domestic-certificates", "non-domestic-certificates", "display-certificates"):
        assert hidden[name] >= status | private | {"national_security", "related_party_disclosure"}
    assert "voluntary_dec" in hidden["display-certificates"]
    assert "country" in hidden["non-domestic-certificates"]
    assert not any(found for name, found in hidden.items() if name.endswith("recommendations"))


def test_costs_are_numbers_and_ranges_stay_text() -> None:
    domestic = EPC.table("domestic-certificates").schema
    costs = [name for name in domestic.names if "_cost_" in name]
    assert len(costs) == 6
    assert {domestic.by_name[name].type for name in costs} == {"number"}
    assert {domestic.by_name[name].descriptor["unit"] for name in costs} == {"GBP/year"}
    recommended = EPC.table("domestic-recommendations").schema
    assert recommended.by_name["indicative_cost"].type == "string"


def test_scores_have_no_unit() -> None:
    domestic = EPC.table("domestic-certificates").schema
    for name in ("current_energy_efficiency", "potential_energy_efficiency"):
        assert "unit" not in domestic.by_name[name].descriptor


def test_identifiers_of_one_kind_say_so_in_every_table() -> None:
    kinds: dict[str, set[Any]] = {}
    for table in EPC.tables:
        for field in table.schema.fields:
            kinds.setdefault(field.name, set()).add(field.descriptor.get("kind"))
    assert kinds["certificate_number"] == kinds["related_certificate_number"] == {"certificate"}
    assert kinds["uprn"] == {"uprn"}


def test_required_are_only_keys_items_and_the_lodgement_date() -> None:
    for table in EPC.tables:
        required = {field.name for field in table.schema.fields if field.required}
        date = set() if table.parent else {"lodgement_date"}
        assert required == {*table.schema.primary_key} | date


def test_missing_tokens_differ_by_column() -> None:
    domestic = "domestic-certificates"
    assert {"NO DATA!", "NODATA!"} <= {*tokens(domestic, "floor_level")}
    assert "INVALID!" in tokens(domestic, "current_energy_rating")
    assert "%%MAINHEATCONTROL%%" in tokens(domestic, "main_heating_controls")
    assert "not recorded" in tokens(domestic, "transaction_type")
    assert "Not Recorded" in tokens(domestic, "built_form")
    assert {"Unknown", "unknown"} <= {*tokens(domestic, "tenure")}
    assert "9999" in tokens("display-certificates", "current_operational_rating")
    assert "NULL" in tokens(domestic, "local_authority")


def test_the_same_tokens_are_values_elsewhere() -> None:
    domestic = EPC.table("domestic-certificates").schema
    assert "None" not in domestic.missing_values("secondheat_description")
    assert "Unknown" not in domestic.missing_values("energy_tariff")
    assert "Unknown" in domestic.by_name["energy_tariff"].descriptor["known_values"]
    graded = [name for name in domestic.names if name.endswith(("_energy_eff", "_env_eff"))]
    assert len(graded) == 18
    for name in graded:
        assert "N/A" not in domestic.missing_values(name)
        assert "N/A" in domestic.by_name[name].constraints["enum"]


@pytest.mark.parametrize("table", EPC.tables, ids=lambda table: table.name)
def test_no_token_is_both_missing_and_a_value(table: Table) -> None:
    for field in table.schema.fields:
        known = {*field.descriptor.get("known_values", ()), *field.constraints.get("enum", ())}
        assert not known & {*table.schema.missing_values(field.name)}


@pytest.mark.parametrize(
    ("table", "column", "edges"),
    [
        (
            "domestic-certificates",
            "current_energy_rating",
            "1G 20G 21F 38F 39E 54E 55D 68D 69C 80C 81B 91B 92A 120A -1G",
        ),
        (
            "domestic-certificates",
            "potential_energy_rating",
            "20G 21F 38F 39E 54E 55D 68D 69C 80C 81B 91B 92A",
        ),
        (
            "non-domestic-certificates",
            "asset_rating_band",
            "-1A+ 0A 25A 26B 50B 51C 75C 76D 100D 101E 125E 126F 150F 151G 900G",
        ),
        (
            "display-certificates",
            "operational_rating_band",
            "-1A 0A 25A 26B 50B 51C 75C 76D 100D 101E 125E 126F 150F 151G",
        ),
    ],
)
def test_bands_by_their_edges(table: str, column: str, edges: str) -> None:
    schema = EPC.table(table).schema
    derive = schema.by_name[column].descriptor["derive"]
    pairs = [(edge.rstrip("ABCDEFG+"), edge.lstrip("-0123456789")) for edge in edges.split()]
    scores = pl.Series([*(int(score) for score, _ in pairs), None], dtype=pl.Int64)
    bands = pl.select(derive_band(derive, scores)).to_series().to_list()
    assert bands == [*(band for _, band in pairs), None]
    assert {band for band, _, _ in derive["bands"]} == {*schema.by_name[column].constraints["enum"]}


def test_published_files_say_what_was_screened_before_them() -> None:
    by_table = {(d.dialect, d.table): d for d in EPC.dialects}
    for table in EPC.tables:
        assert by_table["register", table.name].screened_upstream == ()
        assert by_table["feed", table.name].screened_upstream == ()
        assert {"cancelled", "opt-out"} <= {*by_table["current", table.name].screened_upstream}
        assert "country" in by_table["legacy", table.name].screened_upstream
    # these hold the country, so the rule can run
    assert "country" not in by_table["current", "domestic-certificates"].screened_upstream
    assert "country" not in by_table["current", "display-certificates"].screened_upstream
    assert "country" in by_table["current", "non-domestic-certificates"].screened_upstream


def test_usual_headers_have_the_width_of_their_generation() -> None:
    widths = {(d.dialect, d.table): len(d.header) for d in EPC.dialects}
    assert widths["legacy", "domestic-certificates"] == 93
    assert widths["legacy", "domestic-recommendations"] == 7
    assert widths["current", "domestic-certificates"] == 93
    assert widths["current", "non-domestic-certificates"] == 39
    assert widths["current", "display-certificates"] == 54
    assert widths["register", "domestic-certificates"] == 93 + 16


@pytest.mark.parametrize(
    ("raw", "uprn"),
    [
        ("UPRN-000000000001", "1"),
        ("uprn-100110094796", "100110094796"),
        ("UPRN-000000000000", ""),
        ("RRN-0000-0000-0000-0000-0000", ""),
        ("000012", "12"),
        ("100110094796.0", "100110094796"),
        ("100110094796", "100110094796"),
    ],
)
@pytest.mark.parametrize("dialect", ["register", "feed"])
def test_the_registers_own_ids_become_uprns(dialect: str, raw: str, uprn: str) -> None:
    found = next(
        d for d in EPC.dialects if d.dialect == dialect and d.table == "domestic-certificates"
    )
    text = pl.Series([raw])
    for pattern, replacement in found.rewrites["uprn"]:
        text = text.str.replace_all(pattern, replacement)
    assert text.item() == uprn
