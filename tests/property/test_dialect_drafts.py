"""Any header of a table, however odd: the draft loads and names each of its columns once."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from epc_release.release.dialect import draft, inspect
from epc_release.schemas.extra import with_dialects
from epc_release.schemas.fold import folded
from epc_release.schemas.load import load_register

TABLE = "domestic-recommendations"
REGISTER = load_register("epc")
KNOWN = sorted(
    {s for d in REGISTER.dialects if d.table == TABLE for s in (*d.columns, *d.input_only)}
)
LETTERS = st.characters(codec="utf-8", exclude_characters="\0\r\n")
NAMES = st.one_of(
    st.sampled_from(KNOWN),
    st.sampled_from(KNOWN).map(lambda name: name.replace("_", " ").title()),
    st.sampled_from(KNOWN).map(lambda name: f"{name}S"),
    st.text(LETTERS, max_size=12),
)
HEADERS = st.lists(st.lists(NAMES, min_size=2, max_size=9), min_size=1, max_size=3)
CHOICE = re.compile(r'^# \w+ = (\[".*"\])  # DECIDE column', re.MULTILINE)
TWICE = re.compile(r'^# DECIDE: (".*") stands there more than once', re.MULTILINE)


def csv_of(header: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(header)
    return out.getvalue().encode()


def named(text: str) -> Counter[str]:
    """The spellings of a draft, folded: mapped, not taken on, to decide, or standing twice."""
    table: dict[str, Any] = tomllib.loads(text)["tables"][TABLE]
    spellings = [s for given in table.get("columns", {}).values() for s in given]
    spellings += table.get("input_only", [])
    spellings += [s for found in CHOICE.findall(text) for s in json.loads(found)]
    spellings += [json.loads(found) for found in TWICE.findall(text)]
    return Counter(folded(spelling) for spelling in spellings)


@given(HEADERS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_draft_loads_and_names_each_column_once(tmp_path: Path, headers: list[list[str]]) -> None:
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    for number, header in enumerate(headers):
        (folder / f"{number}.csv").write_bytes(csv_of(header))
    found = inspect([str(folder)], REGISTER, table=TABLE)
    for number in range(len(headers)):
        (folder / f"{number}.csv").unlink()
    assume(all(report.headed for report in found.headers))
    made = draft(found, REGISTER, "mine")
    file = tmp_path / "mine.toml"
    file.write_text(made.text, encoding="utf-8")
    with_dialects(REGISTER, [file])
    open_ones = [h for h in headers if not _exact(found, h)] or headers
    wanted = {folded(name) for header in open_ones for name in header} - {""}
    assert named(made.text) == Counter(wanted)


def _exact(found: Any, header: list[str]) -> bool:
    return any(
        report.exact
        and report.width == len(header)
        and [c.spelling for c in report.nearest.columns]
        == [n.strip("\ufeff \t\r\n\u00a0") for n in header]
        for report in found.headers
    )
