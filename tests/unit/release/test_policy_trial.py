"""``policy test``: cases run through the real rules; counts of a sample, never a value."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.anonymise.policy import POLICIES, load_policy, policy_names
from epc_release.errors import ReleaseError
from epc_release.release.cli import main
from epc_release.release.synth import synthesise
from epc_release.release.trial.casefile import read_cases
from epc_release.release.trial.cases import CasesReport, run_cases
from epc_release.release.trial.sample import sample
from epc_release.schemas.load import load_register

HEAD = """
cutoff = 2026-03-31T23:59:59Z
[defaults.domestic-certificates]
certificate_number = "1"
country = "England"
assessment_type = "SAP"
cancelled = "N"
not_for_issue = "N"
opt_out = "N"
green_deal = "N"
national_security = "N"
lodgement_date = "2019-05-17"
"""
CASE = '[[cases]]\nname = "one"\ntable = "domestic-certificates"\n'


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], CasesReport]:
    epc = load_register("epc")

    def under(text: str) -> CasesReport:
        path = tmp_path / "cases.toml"
        path.write_text(HEAD + CASE + text, encoding="utf-8")
        return run_cases(load_policy("deidentified", epc), epc, read_cases(path, epc))

    return under


@pytest.mark.parametrize("name", policy_names("epc"))
def test_the_packaged_policies_do_what_their_cases_say(name: str) -> None:
    epc = load_register("epc")
    given = read_cases(POLICIES / "epc" / "tests" / f"{name}.toml", epc)
    report = run_cases(load_policy(name, epc), epc, given)
    assert report.differences == ()
    excluded = {case.excluded for case in given.cases if case.excluded}
    rules = {rule.id for rule in load_policy(name, epc).records}
    assert excluded == rules or name == "address-level"


@pytest.mark.parametrize(
    ("text", "column", "expected", "found"),
    [
        ('record = { opt_out = "Y" }\npublishes = {}\nnever = ["x"]', None, "published",
         "excluded by opt-out"),
        ('record = { opt_out = "Y" }\nexcluded = "green-deal"', None, "excluded by green-deal",
         "excluded by opt-out"),
        ('excluded = "green-deal"', None, "excluded by green-deal", "published"),
        ('publishes = { lodgement_date = "2020" }', "lodgement_date", "'2020'", "'2019'"),
        ('publishes = { tenure = "*" }', "tenure", "'*'", "''"),
        ('publishes = { address1 = "" }', "address1", "''", "a column that is not published"),
        ('record = { tenure = "rental (social)" }\nnever = ["Rental"]', "tenure",
         "never text 1", "it is there"),
        ('record = { total_floor_area = "much" }\npublishes = {}\nnever = ["q"]',
         "total_floor_area", "a cell that can be read", "one that cannot"),
    ],
)  # fmt: skip
def test_a_difference_is_told(
    text: str, column: str, expected: str, found: str, run: Callable[[str], CasesReport]
) -> None:
    report = run(text)
    (one,) = report.differences
    assert (one.case, one.column, one.expected, one.found) == ("one", column, expected, found)
    with pytest.raises(ReleaseError, match="E156") as stopped:
        report.check()
    assert stopped.value.exit == 4


@pytest.mark.parametrize(
    "text",
    [
        "", 'excluded = "a"\npublishes = { tenure = "" }', 'publishes = { tenur = "" }',
        'record = { tenur = "" }\nexcluded = "a"', 'exclude = "a"', 'excluded = "a"\n[[case]]',
    ],
)  # fmt: skip
def test_a_wrong_file_of_cases_stops(text: str, run: Callable[[str], CasesReport]) -> None:
    with pytest.raises(ReleaseError, match="E157"):
        run(text)


def test_a_sample_is_told_in_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    epc = load_register("epc")
    synthesise(
        tmp_path / "x", rows=300, seed=3, register=epc, dialect="register", format="csv",
        tables=("domestic-certificates",), progress=None,
    )  # fmt: skip
    (counts,) = sample(load_policy("deidentified", epc), epc, [str(tmp_path / "x")], 200)
    assert counts.read == 200
    assert counts.stay + sum(counts.excluded.values()) == 200
    by_name = {each.column: each for each in counts.columns}
    assert set(by_name) == set(epc.table("domestic-certificates").schema.names)
    assert by_name["address1"].filled_after == 0
    assert by_name["address1"].changed == by_name["address1"].filled_before > 0
    assert by_name["current_energy_rating"].changed == 0
    assert by_name["total_floor_area"].distinct_after < by_name["total_floor_area"].distinct_before

    capsys.readouterr()
    assert main(["policy", "test", "deidentified", "--source", str(tmp_path / "x")]) == 0
    said = capsys.readouterr()
    values = set()
    with (tmp_path / "x" / "domestic-certificates.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values |= {cell for cell in row.values() if len(cell) > 7}
    names = {*by_name, *(rule.id for rule in load_policy("deidentified", epc).records)}
    assert len(values) > 1000
    assert [v for v in values if v in said.out + said.err and v not in names] == []
