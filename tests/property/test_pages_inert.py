"""Whatever a fact holds comes out of the pages as text: no markup, script or hidden sign."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from epc_release.manifests.facts import (
    AggregateFacts,
    ArchiveFacts,
    FileFacts,
    Issue,
    MemberFacts,
    PolicyFacts,
    ReleaseFacts,
    TableFacts,
    TableLedger,
)
from epc_release.manifests.layout import part_path
from epc_release.manifests.pages.places import web
from epc_release.manifests.pages.write import write_pages
from epc_release.schemas.register import CodeList, Register, Table
from epc_release.schemas.table import TableSchema
from tests.html import pages, problems, read

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></textarea><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}{0.__class__}",
    "<!-- --><![CDATA[",
    "\u202etxt.exe\u2066\u200f\u0000\x1b[31m",
    "&lt;b&gt;&amp;#60;",
    "C:\\x\n</pre></code>",
)
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
texts = (
    st.sampled_from(HOSTILE)
    | st.text(max_size=40)
    | st.tuples(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE)).map("".join)
)


def facts_of(bad: str) -> ReleaseFacts:
    """Facts with ``bad`` in every place that a file, a code list or a policy could bring it to."""
    schema = TableSchema(
        {
            "fields": [
                {"name": bad or "x", "description": bad, "unit": bad, "licence": bad},
                {"name": "listed", "constraints": {"enum": [bad]}, "title": bad},
                {"name": "known", "known_values": [bad], "constraints": {"pattern": bad}},
                {"name": "place"},
            ]
        }
    )
    table = Table("homes", schema, ("listed",), "place", None, (), "home", "homes", unit="listed")
    codes = CodeList("c", {bad: bad}, {bad: "slug"}, {}, {bad: {"name_cy": f"{bad}{bad}"}})
    entry = {"title": bad, "path": bad, "name": bad, "notice": bad}
    register = Register(
        name="homes",
        title=bad,
        tables=(table,),
        dialects=(),
        default_policy="p",
        timezone="Europe/London",
        geography_vintage=bad,
        codelists={"place": codes},
        licences=(entry,),
        sources=(entry,),
        contributors=(entry,),
        homepage=bad,
    )
    file = FileFacts(part_path("homes", "place", bad), 1, "0" * 64, 1, "0" * 64)
    member = MemberFacts("homes.csv", "homes", 1, 1, bad)
    archives = (
        ArchiveFacts(
            "csv/home-slug.zip", 1, "0" * 64, kind="partition", value=bad, members=(member,)
        ),
        ArchiveFacts("csv/home-1.zip", 1, "0" * 64, kind="year", value=bad, members=(member,)),
    )
    told = TableFacts(
        "homes",
        schema,
        TableLedger(1, 1),
        (file,),
        issues=(Issue("homes", bad or "x", "enum", "error", 3, bad),),
        partition="place",
        first_years={"listed": bad},
    )
    counts = AggregateFacts("n", bad, "homes", schema, file, file, bad, "none")
    return ReleaseFacts(
        register,
        "2024-01-31",
        datetime(2024, 1, 31, tzinfo=UTC),
        PolicyFacts(bad, bad, bad, "0" * 64, "open", {}),
        (told,),
        archives,
        (bad,),
        bad,
        aggregates=(counts,),
        accepted=((bad, bad),),
        partial=True,
    )


@given(bad=texts)
@settings(max_examples=40, deadline=None)
@example(bad=HOSTILE[0])
@example(bad=HOSTILE[7])
def test_a_hostile_value_comes_out_as_text(bad: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_pages(facts_of(bad), Path(folder))
        for path, text in pages(Path(folder)).items():
            expected = problems(text)
            if not bad.strip():
                expected = [p for p in expected if "without text" not in p and "no text" not in p]
            assert expected == [], path
            assert not HIDDEN.search(text), path


@pytest.mark.parametrize("bad", HOSTILE)
def test_its_own_signs_stay_readable(tmp_path: Path, bad: str) -> None:
    write_pages(facts_of(bad), tmp_path)
    shown = re.sub(r"\s+", " ", HIDDEN.sub("\ufffd", bad)).strip()
    for path, text in pages(tmp_path).items():
        if "accessibility" not in path:
            assert shown in next(read(text)[0].all("main")).text(), path


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://example.org/a?b=c", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https:", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_addresses_of_the_web_are_links(address: str, linked: bool) -> None:
    assert (web(address) == address) is linked


def test_facts_that_are_not_public_are_nowhere(tmp_path: Path) -> None:
    ledger = TableLedger(987_653, 1, {"secret-rule": 876_541}, {"E1": 3}, 765_433)
    facts = facts_of("x")
    write_pages(replace(facts, tables=(replace(facts.tables[0], ledger=ledger),)), tmp_path)
    for text in pages(tmp_path).values():
        plain = text.replace(",", "")
        assert not re.search("987653|876541|765433|secret-rule", plain)
