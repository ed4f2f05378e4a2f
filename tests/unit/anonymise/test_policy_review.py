"""``policy lint`` says everything at once; ``policy show`` says it in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from epc_release.anonymise.policy import load_policy
from epc_release.anonymise.review.lint import Finding, lint
from epc_release.anonymise.review.pages import as_markdown, as_text
from epc_release.anonymise.review.shown import show
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

Write = Callable[..., Path]
LIST = 'values = ["A", "B"]'
RISK = """
[[risk]]
id = "neighbour"
tables = ["homes"]
why = "They see the house."
keys = ["authority", "lodged", "postcode", "area"]
unit = "uprn"
k = 5
sensitive = [{ column = "score", l = 2 }]
action = "suppress"
star = ["area"]
max_cells = 0.05
max_rows = 0.001
"""


def codes(found: tuple[Finding, ...], severity: str) -> list[str]:
    return [one.code for one in found if one.severity == severity]


def spoilt(write: Write, *changes: tuple[str, str]) -> Path:
    path = write()
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text)
    return path


def test_a_good_policy_has_no_findings(write: Write, toy: Register) -> None:
    path = spoilt(
        write,
        (
            '"authority", "band"]\nrule = "keep"',
            '"authority", "band"]\nrule = "keep_known"\n' + LIST,
        ),
        ('"item", "measure"]\nrule = "keep"', '"item", "measure"]\nrule = "drop"'),
    )
    path.write_text(path.read_text() + RISK)
    assert lint(path, toy) == ()


def test_all_errors_are_told_at_once_in_order_of_lines(write: Write, toy: Register) -> None:
    path = spoilt(
        write,
        ('access = "open"', 'access = "public"'),
        ('legal = "an act"', ""),
        ('drop_if = "cancelled"', 'drop_if = "canceled"'),
        ('to = "quarter"', 'to = "decade"'),
        ("edges = [50, 100.5]", 'edges = ["p1"]'),
        ('columns = ["score"]', 'columns = ["scoer"]'),
        ('"opt_out"]', "]"),
    )
    found = lint(path, toy)
    assert sorted(codes(found, "error")) == sorted(
        ["E141", "E141", "E145", "E146", "E141", "E143", "E144"]
    )
    lines = [one.line or 0 for one in found]
    assert lines == sorted(lines)
    assert all("test.toml" in one.says for one in found)
    (unnamed,) = (one for one in found if one.code == "E144")
    # those of refused groups are named all the same; the misspelt one is not
    assert unnamed.says.endswith("no rule for score, opt_out.")


def test_a_refused_rule_of_one_column_hides_no_other(write: Write, toy: Register) -> None:
    path = spoilt(write, ('columns = ["area"]', 'columns = ["area", "band", "lodged"]'))
    found = lint(path, toy)
    # a bin of text; a column that an earlier group names; the later group of band is no second one
    assert sorted(codes(found, "error")) == ["E142", "E146"]


def test_several_wrong_key_sets(write: Write, toy: Register) -> None:
    wrong = RISK.replace('"postcode"', '"number"') + RISK.replace('"neighbour"', '"b"').replace(
        '"authority", "lodged", ', ""
    )
    found = lint(write(new=wrong), toy)
    assert codes(found, "error") == ["E141", "E141"]
    assert "an identifier is in no key set" in found[0].says
    assert "paths and archives tell them" in found[1].says


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (("k = 5", "k = 2"), "small-k", "k = 2"),
        (('keys = ["authority", "lodged", "postcode", "area"]',
          'keys = ["authority", "lodged", "area"]'), "key-in-no-set", "counts on: postcode"),
        (('sensitive = [{ column = "score", l = 2 }]\n', ""), "sensitive-unmeasured",
         "l or t: score"),
        (('why = "They see the house."', 'why = "TODO"'), "no-reason", "key set neighbour"),
        (('legal = "an act"', 'legal = "-"'), "no-reason", "record rule country"),
        (("top = 100", "top = 1000"), "never-matches", "1000"),
        (("country in ['England', 'Wales']", "country is missing or country is not missing"),
         "never-matches", "rule country can never exclude"),
        (("country in ['England', 'Wales']", "country = 'England' and country = 'Wales'"),
         "never-matches", "rule country excludes every record"),
        (("lodged <= cutoff", "(lodged <= cutoff or lodged > cutoff) and score < 5 and score > 7"),
         "never-matches", "rule cutoff excludes every record"),
        (('keep_if = "lodged <= cutoff', "drop_if = \"country = 'Scotland' and lodged > cutoff"),
         "never-matches", "rule cutoff excludes nothing that country has not"),
    ],
)  # fmt: skip
def test_advice(change: tuple[str, str], code: str, says: str, write: Write, toy: Register) -> None:
    path = write(new=RISK)
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(change[0], change[1], 1))
    found = lint(path, toy)
    assert codes(found, "error") == []
    assert [one for one in found if one.code == code and says in one.says], found


def test_a_rule_that_can_match_gets_no_advice(write: Write, toy: Register) -> None:
    assert "never-matches" not in codes(lint(write(new=RISK), toy), "advice")


def test_no_key_set_and_unbounded_text(write: Write, toy: Register) -> None:
    found = lint(write(), toy)
    assert codes(found, "advice").count("no-key-set") == 1
    assert [one.says for one in found if one.code == "unbounded-text"] == [
        "homes: authority is text that may hold anything, and is kept",
        "works: measure is text that may hold anything, and is kept",
    ]


def test_show_tells_every_column_and_why(write: Write, toy: Register) -> None:
    shown = show(load_policy(write(new=RISK), toy), toy)
    homes = {column.column: column for column in shown.tables[0].columns}
    assert tuple(homes) == toy.table("homes").schema.names
    assert (homes["lodged"].given, homes["lodged"].told) == ("2019-05-17", "2019-Q2")
    assert (homes["postcode"].given, homes["postcode"].told) == ("ZZ99 9ZZ", "ZZ99 9")
    assert (homes["area"].given, homes["area"].told) == ("66.0", "50 to under 100.5")
    assert homes["uprn"].told is None
    assert not homes["uprn"].published
    assert shown.records[1].says == "cancelled"
    assert json.loads(json.dumps(asdict(shown)))["sha256"] == shown.sha256
    text, page = as_text(shown), as_markdown(shown)
    for told in (text, page):
        for words in ("neighbour", "k = 5", "score: l is at least 2", "0.10%", "an act", "uprn"):
            assert words in told
    assert "~~`uprn`~~" in page


@pytest.mark.parametrize("name", ["address-level", "deidentified"])
def test_the_packaged_policies_have_no_errors(name: str) -> None:
    epc = load_register("epc")
    found = lint(name, epc)
    assert codes(found, "error") == []
    assert {"never-matches", "no-reason", "unbounded-text"}.isdisjoint(codes(found, "advice"))
    page = as_markdown(show(load_policy(name, epc), epc))
    for table in epc.tables:
        for column in table.schema.names:
            assert f"`{column}`" in page


def test_examples_come_from_the_schema_and_are_what_the_rules_make() -> None:
    epc = load_register("epc")
    shown = show(load_policy("deidentified", epc), epc)
    told = {c.column: (c.given, c.told) for c in shown.tables[0].columns}
    assert told["lodgement_date"] == ("2019-05-17", "2019")
    assert told["total_floor_area"][1] == "80 to under 90"
    assert told["local_authority"] == ("E06000052", "E41000052")
    assert told["tenure"][0] == told["tenure"][1]
    assert told["address1"] == (None, None)
