"""Ceilings on shares of rows: defaults, a code's and a table's own, and what was accepted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import Issue, TableFacts, TableLedger
from epc_release.release.gates.breach import Breach
from epc_release.release.gates.evaluate import settle_breaches
from epc_release.release.gates.history import first_seen, remembered
from epc_release.release.gates.shares import share_breaches
from epc_release.schemas.gates import Gates, read_gates
from epc_release.schemas.section import Section
from epc_release.schemas.table import TableSchema

SCHEMA = TableSchema({"fields": [{"name": "a"}, {"name": "b"}]})


def facts(read: int, rejected: dict[str, int] | None = None, **cells: int) -> TableFacts:
    rejected = rejected or {}
    ledger = TableLedger(read, read - sum(rejected.values()), {}, rejected)
    issues = tuple(
        Issue("t", "a", name.replace("_", "-"), "error", count, place)
        for name, total in cells.items()
        for place, count in (("E1", total // 2), (None, total - total // 2))
    )
    return TableFacts("t", SCHEMA, ledger, (), issues)


def breaches(table: TableFacts, gates: Gates) -> list[tuple[str, str, int]]:
    return [(b.code, b.where, b.count) for b in share_breaches(table, gates)]


def test_rejects_have_a_ceiling_from_enough_rows_on() -> None:
    rejected = {"duplicate-key": 15, "type-date": 6, "duplicate-row": 500}
    found = breaches(facts(1000, rejected), Gates())
    assert found == [("rejected", "duplicate-key 15, type-date 6", 21)]
    assert breaches(facts(999, rejected), Gates()) == []
    assert breaches(facts(1000, {"duplicate-row": 900}), Gates()) == []
    assert breaches(facts(1000, {"type-date": 20}), Gates()) == []


def test_a_code_has_a_ceiling_of_its_own_and_a_table_another() -> None:
    table = facts(2000, {"duplicate-key": 30}, type_number=60)
    assert breaches(table, Gates()) == []
    gates = Gates(codes={"duplicate-key": 0.01, "type-number": 0.02})
    assert breaches(table, gates) == [
        ("duplicate-key", "(whole record)", 30),
        ("type-number", "a", 60),
    ]
    loose = {"t": {"duplicate-key": 0.5, "type-number": 1.0}}
    assert breaches(table, Gates(codes=gates.codes, tables=loose)) == []
    strict = Gates(tables={"t": {"rejected": 0.0}, "u": {"type-number": 0.0}})
    assert [code for code, _, _ in breaches(table, strict)] == ["rejected"]


def test_cells_are_counted_over_all_partitions() -> None:
    assert breaches(facts(1000, type_number=201), Gates()) == [("type-number", "a", 201)]
    assert breaches(facts(1000, type_number=200), Gates()) == []


def test_only_what_is_accepted_passes() -> None:
    one = Breach("t", "rejected", "x 1", 1, 2, "at most 2%", "2024-01-01")
    two = Breach("t", "vanished", "year 2020", 0, 50, "at least 1")
    assert settle_breaches([one, two], ["vanished", "rejected"]) == (one, two)
    assert settle_breaches([], ["vanished"]) == ()
    with pytest.raises(ReleaseError) as caught:
        settle_breaches([one, two], ["vanished"])
    assert caught.value.exit == 3
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("E301: 1 data quality gates were not passed (")
    assert lines[1].split() == ["code", "table", "where", "rows", "of", "allowed", "since"]
    assert lines[2].split() == [
        "rejected",
        "t",
        "x",
        "1",
        "1",
        "2",
        *("at", "most", "2%"),
        "2024-01-01",
    ]


def test_since_is_the_first_release_of_the_line(tmp_path: Path) -> None:
    def keep(release: str, cutoff: str, policy: str, codes: object) -> None:
        report = {"release": release, "register": "r", "policy": policy, "cutoff": cutoff}
        (tmp_path / release).mkdir()
        content = report if codes is None else {**report, "codes": codes}
        (tmp_path / release / "report.json").write_text(json.dumps(content))

    codes = remembered([facts(1000, {"duplicate-key": 3}, type_number=5)])
    assert codes == [
        ["t", "duplicate-key", "(whole record)", 3],
        ["t", "rejected", "", 3],
        ["t", "type-number", "a", 5],
    ]
    keep("z", "2024-01-01T00:00:00+00:00", "p", codes[2:])
    keep("b", "2024-02-01T00:00:00+00:00", "p", codes)
    keep("other", "2023-02-01T00:00:00+00:00", "q", codes)
    keep("old", "2023-02-01T00:00:00+00:00", "p", None)
    since = first_seen(tmp_path, "r", "p")
    assert since("t", "type-number", "a") == "z"
    assert since("t", "rejected", "") == "b"
    assert since("t", "type-number", "b") is None


@pytest.mark.parametrize(
    "given",
    [
        {"rejected": 1.5},
        {"errors": "x"},
        {"from_rows": 0},
        {"codes": {"x": -0.1}},
        {"tables": {"unknown": {}}},
        {"previous": {"highest": 0.5}},
        {"previous": {"lowest": float("nan")}},
        {"more": 1},
    ],
)
def test_gates_that_are_none_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ReleaseError) as caught:
        read_gates(Section("register.toml", "gates", given), ["t"])
    assert caught.value.problem.code == "E121"


def test_gates_are_read_over_the_defaults() -> None:
    given = {"errors": 0.5, "tables": {"t": {"x": 0}}, "previous": {"lowest": 0.9}}
    found = read_gates(Section("register.toml", "gates", given), ["t"])
    assert (found.errors, found.rejected, found.own("t", "x")) == (0.5, 0.02, 0.0)
    assert (found.previous.lowest, found.previous.highest) == (0.9, 1.5)
