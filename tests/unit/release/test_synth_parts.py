"""The parts of synth: spec, words, tables of ranks, chunks."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.release.synth.cells import Cells, words
from epc_release.release.synth.entropy import SLOTS, generator
from epc_release.release.synth.layout import lay_out
from epc_release.release.synth.lexicon import (
    Overlay,
    number_table,
    overlaid,
    parts_of,
    value_table,
    weighted,
)
from epc_release.release.synth.plan import CHUNK, chunks, header_of, split_rows
from epc_release.release.synth.spec import load_spec, parse_spec
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register


@pytest.fixture(scope="module")
def register() -> Register:
    return load_register("epc")


@pytest.fixture
def document() -> dict[str, Any]:
    file = resources.files("epc_release").joinpath("schemas/registers/epc/synth.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def test_placeholders_stand_for_parts_within_parts() -> None:
    parts = parts_of({"a": ["x", "{b}"], "b": {"from": 1, "to": 3}, "c": ["-"]})
    texts, weights = weighted([["{a}{c}{a}", 16.0], ["", 1]], parts)
    assert texts[:3] == ["x-x", "x-1", "x-2"]
    assert len(texts) == 17
    assert texts[-1] is None
    assert weights == [1.0] * 17


def test_ranges_have_decimals_and_width() -> None:
    parts = parts_of({"u": {"from": 0.1, "to": 0.3, "step": 0.1, "decimals": 2}})
    assert parts["u"] == ("0.10", "0.20", "0.30")
    assert parts_of({"n": {"from": 7, "to": 8, "width": 3}})["n"] == ("007", "008")


def test_a_star_is_the_default_scaled_to_its_weight() -> None:
    texts, weights = weighted([["*", 9], ["tân", 1]], {}, default=[["fire", 3], ["air", 6]])
    assert list(zip(texts, weights, strict=True)) == [("fire", 3.0), ("air", 6.0), ("tân", 1.0)]


def test_a_value_table_has_the_weights() -> None:
    table = value_table(["a", "b", "c"], [1, 2, 1])
    assert np.bincount(table.slots).tolist() == [SLOTS // 4, SLOTS // 2, SLOTS // 4]


@pytest.mark.parametrize(
    ("settings", "middle"),
    [
        ({"median": 80, "sigma": 0.4, "decimals": 2}, 80),
        ({"mean": 65, "sd": 10}, 65),
        ({"low": 0, "high": 10, "decimals": 1}, 5),
    ],
)
def test_a_number_table_rises_to_its_middle(settings: dict[str, float], middle: float) -> None:
    table = number_table(settings)
    values = table.words.cast(pl.Float64).to_numpy()[table.slots]
    assert (np.diff(values) >= 0).all()
    assert values[SLOTS // 2] == pytest.approx(middle, abs=0.5)
    assert not table.words.str.ends_with(".0").any()


def test_limits_hold_and_no_zero_is_negative() -> None:
    table = number_table({"mean": 0, "sd": 5, "minimum": -3, "maximum": 4})
    assert table.words.to_list() == ["-3", "-2", "-1", "0", "1", "2", "3", "4"]


def test_an_overlay_takes_its_share_in_every_case() -> None:
    tables = [value_table(["1", "2"], [1, 1]), value_table(["3"], [1])]
    overlay = Overlay(texts=(("NO DATA!", 0.25), (None, 0.00001)), variants=(("float", 0.5),))
    made = overlaid(tables, overlay, generator("test"))
    for case in range(2):
        drawn = made.words.gather(made.slots[case * SLOTS : (case + 1) * SLOTS])
        assert (drawn == "NO DATA!").mean() == pytest.approx(0.25, abs=0.001)
        assert drawn.null_count() >= 1
        assert drawn.str.ends_with(".0").mean() == pytest.approx(0.375, abs=0.01)


def test_cells_can_be_put_and_repeated() -> None:
    cells = Cells(words(["a", "b"]), np.array([0, 1, 1, 0], dtype=np.uint32))
    changed = cells.put(np.array([1, 2, 3]), ["c", "a", None])
    assert changed.texts().to_list() == ["a", "c", "a", None]
    assert cells.texts().to_list() == ["a", "b", "b", "a"]
    assert changed.repeated(np.array([0]), np.array([1])).texts().to_list()[0] == "c"
    assert len(changed.words) == 4


def test_every_column_of_every_dialect_has_a_distribution(register: Register) -> None:
    spec = load_spec(register)
    unknown_to_us = {"certificate_hash"}
    for dialect in register.dialects:
        if dialect.dialect == "feed":
            continue  # its own extra columns are not taken on and stay empty
        names = {name for _, name in header_of(dialect, register.table(dialect.table).schema.names)}
        missing = names - set(spec.tables[dialect.table].columns) - unknown_to_us
        assert not missing, (dialect.dialect, dialect.table)


def test_cases_name_rules_of_the_policies(register: Register) -> None:
    from epc_release.anonymise.policy import load_policy, policy_names

    for policy in policy_names("epc"):
        rules = {(r.id, t) for r in load_policy(policy, register).records for t in r.tables}
        for case in load_spec(register).cases:
            assert {(case.rule, table) for table in case.tables} <= rules


def test_rows_are_shared_out_and_add_up(register: Register) -> None:
    spec = load_spec(register)
    names = [table.name for table in register.tables]
    for rows in (1, 10, 999, 1_000_000):
        split = split_rows(register, spec, names, rows)
        assert sum(split.values()) == rows
        assert min(split.values()) >= 0
    assert split["domestic-certificates"] == 940_000
    assert split_rows(register, spec, ["display-recommendations"], 5) == {"display-certificates": 5}


def test_chunks_cover_all_rows_once() -> None:
    made = list(chunks(2 * CHUNK + 1))
    assert made == [(0, CHUNK), (CHUNK, CHUNK), (2 * CHUNK, 1)]


def test_roles_of_rows_do_not_overlap(register: Register) -> None:
    spec = load_spec(register)
    layout = lay_out(1, spec, "domestic-certificates", spec.cases, 0, 5000)
    roles = [layout.canaries, layout.copies, layout.copied, layout.conflicts, layout.disputed]
    roles += [layout.returned, layout.unreadable, *layout.cases.values()]
    rows = np.concatenate(roles)
    assert len(rows) == len(np.unique(rows))
    assert set(layout.excluded_canaries) <= set(np.concatenate(list(layout.cases.values())))
    assert len(layout.owners) == 5000 - len(layout.copies) - len(layout.conflicts)
    assert not len(lay_out(1, spec, "domestic-certificates", spec.cases, 5000, 5000).planted)


def test_a_register_without_the_file_is_refused(register: Register) -> None:
    with pytest.raises(ReleaseError) as caught:
        load_spec(replace(register, name="atlantis"))
    assert caught.value.problem.code == "E180"


@pytest.mark.parametrize(
    "settings",
    [
        {"values": ["a"], "number": {}},
        {},
        {"values": ["a"], "colour": "red"},
        {"like": "grade", "key": 1},
    ],
)
def test_a_column_that_is_not_understood_is_refused(
    register: Register, document: dict[str, Any], settings: dict[str, Any]
) -> None:
    document["tables"]["domestic-certificates"]["columns"]["tenure"] = settings
    with pytest.raises(ReleaseError, match="tenure"):
        parse_spec(register, document)


def test_a_table_that_is_not_described_is_refused(
    register: Register, document: dict[str, Any]
) -> None:
    del document["tables"]["display-recommendations"]
    with pytest.raises(ReleaseError, match="display-recommendations"):
        parse_spec(register, document)


@pytest.mark.parametrize("setting", ["snapshot", "faults", "keys"])
def test_a_missing_setting_is_named(
    register: Register, document: dict[str, Any], setting: str
) -> None:
    del document[setting]
    with pytest.raises(ReleaseError, match=setting):
        parse_spec(register, document)
