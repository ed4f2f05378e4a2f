"""The official fixtures behave as ``docs/fixtures.md`` says, and it tells of all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.verify import verify
from epc_release.release.report import BuildReport

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "fixtures.md"
CUTOFF = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """One line of the document's table."""

    fixture: str
    exit: int
    error: str
    published: int
    named: tuple[str, ...]
    why: str


def lines() -> list[Line]:
    found = []
    for text in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if text.startswith("| `"):
            fixture, code, error, published, named, why = (
                cell.strip() for cell in text.strip("|").split("|")
            )
            names = tuple(re.findall(r"`([^`]+)`", named))
            found.append(Line(fixture.strip("`"), int(code), error, int(published), names, why))
    return found


LINES = lines()


def path(shared_data: Path, fixture: str) -> Path:
    folder = shared_data / "epc"
    plain = folder / fixture
    return plain if plain.is_file() else folder / "official-fixtures" / fixture


def test_every_fixture_has_one_line(shared_data: Path) -> None:
    folder = shared_data / "epc" / "official-fixtures"
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*.csv")}
    told = [line.fixture for line in LINES]
    assert len(told) == len(set(told))
    assert set(told) == there | {"domestic-legacy-middlesbrough.csv"}
    assert all(line.why for line in LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.fixture)
def test_a_fixture_gives_what_its_line_says(
    line: Line,
    shared_data: Path,
    build: Callable[..., BuildReport],
    tmp_path: Path,
) -> None:
    source = path(shared_data, line.fixture)
    if line.exit == 0:
        report = build(source, cutoff=CUTOFF)
        assert sum(t.ledger.published for t in report.facts.tables) == line.published
        return
    with pytest.raises(ReleaseError) as caught:
        build(source, cutoff=CUTOFF)
    assert (caught.value.exit, caught.value.problem.code) == (line.exit, line.error)
    message = str(caught.value)
    assert [name for name in line.named if name not in message] == []
    assert line.published == 0
    assert list(tmp_path.iterdir()) == [], "refused before anything was written"


def test_the_real_file_is_accounted_for_and_verifies(
    shared_data: Path, build: Callable[..., BuildReport]
) -> None:
    report = build(path(shared_data, "domestic-legacy-middlesbrough.csv"), cutoff=CUTOFF)
    verify(report.path, deep=True).check()
    kept = json.loads((report.state / "t1" / "ledger.json").read_text(encoding="utf-8"))
    (table,) = kept["tables"].values()
    lost = sum(table["excluded"].values()) + sum(table["rejected"].values())
    assert table["read"] == 1000 == table["published"] + lost + table["suppressed"]
    issues = {(issue.column, issue.code): issue.count for issue in report.facts.tables[0].issues}
    assert issues["certificate_number", "scientific-notation"] == 940


@pytest.mark.parametrize(
    ("parents", "children"),
    [("register-api/commercial.csv", "register-api/commercial_rr.csv")],
)
def test_certificates_that_are_refused_refuse_their_recommendations(
    shared_data: Path, build: Callable[..., BuildReport], parents: str, children: str
) -> None:
    with pytest.raises(ReleaseError, match="E148"):
        build(path(shared_data, parents), path(shared_data, children))
