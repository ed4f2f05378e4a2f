"""Levels above a local authority: from the code list, and authorities that are told together."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.policy import POLICIES, Policy, load_policy
from epc_release.anonymise.rules.generalise import Generalise, UnknownValuesError
from epc_release.anonymise.told import published_partition
from epc_release.errors import ReleaseError
from epc_release.manifests.layout import partition_archive
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

MERGED = {
    "E06000052": "E41000052", "E06000053": "E41000052",
    "E09000001": "E41000324", "E09000033": "E41000324",
}  # fmt: skip


@pytest.fixture(scope="module")
def epc() -> Register:
    return load_register("epc")


@pytest.fixture
def changed(tmp_path: Path, epc: Register) -> Callable[[str], Policy]:
    """``changed(settings)``: the address-level policy with another rule for the authority."""
    text = (POLICIES / "epc" / "address-level.toml").read_text(encoding="utf-8")
    assert '"local_authority", ' in text

    def make(settings: str) -> Policy:
        group = (
            '[[fields]]\ntables = ["domestic-certificates", "non-domestic-certificates",'
            ' "display-certificates"]\ncolumns = ["local_authority"]\nrule = "generalise"\n'
            f'class = "key"\nwhy = "A test."\n{settings}\n'
        )
        path = tmp_path / "mine.toml"
        path.write_text(text.replace('"local_authority", ', "") + group, encoding="utf-8")
        return load_policy(path, epc)

    return make


def rule(policy: Policy, column: str) -> Generalise:
    found = policy.tables["domestic-certificates"][column].rule
    assert isinstance(found, Generalise)
    return found


def told(rule: Generalise, *values: str | None) -> list[str | None]:
    series = pl.Series("x", values, dtype=pl.String)
    plain = rule.apply(series).cast(pl.String).to_list()
    assert rule.apply(series.cast(pl.Categorical)).cast(pl.String).to_list() == plain
    return plain


def test_small_authorities_are_told_together_and_no_other_changes(epc: Register) -> None:
    policy = load_policy("deidentified", epc)
    codes = epc.codelists["local_authority"]
    authority, label = rule(policy, "local_authority"), rule(policy, "local_authority_label")
    assert told(authority, *codes.names) == [MERGED.get(code, code) for code in codes.names]
    names = {code: codes.names[MERGED.get(code, code)] for code in codes.names}
    assert told(label, *codes.names.values()) == list(names.values())
    assert told(label, " city of LONDON ", "Ham", None) == [
        "Westminster, City of London",
        None,
        None,
    ]
    with pytest.raises(UnknownValuesError):
        told(authority, "E06000001", "E99999999")
    for table in epc.tables:
        assert published_partition(table, policy.tables) == "local_authority"


def test_the_file_agrees_with_the_code_list(epc: Register) -> None:
    codes = epc.codelists["local_authority"]
    path = POLICIES / "epc" / "small-authorities-2011.csv"
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    by_code = {fine: coarse for fine, coarse in rows if fine in codes.names}
    by_name = {fine: coarse for fine, coarse in rows if fine not in codes.names}
    assert by_code == MERGED
    assert by_name == {codes.names[f]: codes.names[c] for f, c in by_code.items()}
    for fine, coarse in by_code.items():
        about = codes.attributes
        assert about[fine]["region_code"] == about[coarse]["region_code"]
        assert about[coarse]["type"] == "census"


def test_archives_of_merged_authorities_have_names(epc: Register) -> None:
    codes = epc.codelists["local_authority"]
    made = partition_archive("domestic", "E41000324", codes)
    assert made == "csv/domestic-E41000324-Westminster-City-of-London.zip"


def test_an_authority_becomes_its_region(changed: Callable[[str], Policy], epc: Register) -> None:
    policy = changed('to = "region"\ncodelist = "local_authority"')
    region = rule(policy, "local_authority")
    assert told(region, "E06000001", "w06000001", None) == ["North East", "Wales", None]
    field = region.field(epc.table("domestic-certificates").schema.by_name["local_authority"])
    assert "Yorkshire and The Humber" in field["constraints"]["enum"]
    assert policy.used[0].kind == "code list"
    codes = rule(changed('to = "region_code"\ncodelist = "local_authority"'), "local_authority")
    assert told(codes, "E06000001") == ["E12000001"]


@pytest.mark.parametrize(
    "settings",
    [
        'to = "planet"\ncodelist = "local_authority"', 'to = "region"\ncodelist = "uprn"',
        'to = "region"\ncodelist = "local_authority"\nunknown = "keep"', 'to = "region"',
    ],
)  # fmt: skip
def test_wrong_levels_stop(settings: str, changed: Callable[[str], Policy]) -> None:
    with pytest.raises(ReleaseError, match=r"E14[16]"):
        changed(settings)
