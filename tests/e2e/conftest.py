"""Whole builds of small synthetic registers, made once."""

from __future__ import annotations

import base64
import csv
import hashlib
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from epc_release.anonymise.policy import POLICIES
from epc_release.release import pipeline
from epc_release.release.config import Settings
from epc_release.release.progress import Silent
from epc_release.release.report import BuildReport
from epc_release.release.synth import synthesise
from epc_release.schemas.load import load_register

ROWS = 3_000
CELL_KEY = base64.b64encode(hashlib.sha256(b"a key for tables only").digest()).decode()
KEY = base64.b64encode(hashlib.sha256(b"a key for tests only").digest()).decode()

Extract = Callable[..., Path]
Build = Callable[..., BuildReport]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret of pseudonyms, as a release manager would set it."""
    monkeypatch.setenv("EPC_RELEASE_KEY", KEY)
    monkeypatch.setenv("EPC_RELEASE_CELL_KEY", CELL_KEY)


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Extract:
    """``extract(dialect, format)``: the folder of a synthetic extract."""
    made: dict[tuple[str, str], Path] = {}

    def make(dialect: str = "register", form: str = "csv") -> Path:
        if (dialect, form) not in made:
            folder = tmp_path_factory.mktemp("extract") / f"{dialect}-{form}"
            synthesise(
                folder,
                rows=ROWS,
                seed=7,
                register=load_register("epc"),
                dialect=dialect,
                format=form,
                tables=None,
                progress=None,
            )
            made[dialect, form] = folder
        return made[dialect, form]

    return make


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """``build(sources..., policy=..., **settings)``: one build, serial unless asked otherwise."""

    def make(*sources: Path | str, **changed: object) -> BuildReport:
        settings: dict[str, object] = {
            "policy": "address-level",
            "out": tmp_path / "out",
            "state": tmp_path / "state",
            "release": "t1",
            "jobs": 1,
            **changed,
        }
        for source in sources:
            listed = Path(source) / "suppressions.csv"
            if Path(source).is_dir() and listed.is_file():
                settings.setdefault("suppressions", listed)
        made = Settings(sources=tuple(str(s) for s in sources), **settings)  # type: ignore[arg-type]
        return pipeline.build(made, Silent())

    return make


@pytest.fixture
def unsuppressed(tmp_path: Path) -> Path:
    """The de-identified policy without key sets, and beside it what it uses."""
    folder = tmp_path / "unsuppressed"
    shutil.copytree(POLICIES / "epc", folder)
    path = folder / "deidentified.toml"
    head, *sections = re.split(r"(?m)^(?=\[\[)", path.read_text(encoding="utf-8"))
    kept = [section for section in sections if not section.startswith("[[risk]]")]
    path.write_text(head + "".join(kept), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def odd_extract(
    extract: Extract, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """``odd_extract(dialect)``: a synthetic extract made worse, without its control file."""

    def make(dialect: str) -> Path:
        return _with_oddities(extract(dialect), tmp_path_factory.mktemp("odd") / dialect)

    return make


ODDITIES = (
    *("", " ", "NULL", "N/A", "None", "Unknown", "unknown", "not recorded", "Not Recorded"),
    *("NO DATA!", "NODATA!", "INVALID!", "9999", "9999.0", "%%MAINHEATCONTROL%%", "no data!"),
    *("5.0", "5.", "+5", "-1", "-99", "007", "0", "-0.0", "1e3", "1E400", "NaN", "inf", "5,0"),
    *("12.50", "20.5", "0.1", "123456.123456789012345", "92233720368547758070", "12.5.1", "½"),
    *("2019-02-30", "2020-2-3", "2016-02-29", "0000-01-01", "2019-06-01 12:30:00", "01/02/2019"),
    *("2019-06-01T12:30:00Z", "2019-06-01 12:30", "2019-06-01 24:00:00", "2019-06-01 12:30:59.9"),
    *("y", "TRUE", "very good", " N/A ", "a  b\u00a0 c", "x\r\ny", '"quoted", and = more', "=1+1"),
    *("é", "Tŷ Gwyn", "House ", "FLAT", "E06000001", "e06000001", "yes", "Short", "\u2003long\t"),
)
# Around the cut-off, which is 22:59:59 in UTC, and one moment written in two ways.
EVENT_TIMES = (
    *("2020-01-01T00:00:00Z", "2020-01-01t01:00:00+01:00", "2026-09-30T23:59:59+01:00"),
    *("2026-09-30 23:00:00Z", "2026-09-30T22:59:59Z", "2026-10-01T00:59:59.5+01:00"),
)
DECIDING = (
    *("country", "assessment_type", "cancelled", "not_for_issue", "opt_out", "green_deal"),
    *("national_security", "voluntary_dec", "lodgement_date", "lodgement_datetime"),
)
LEFT_ALONE = ("certificate_number", "lmk_key", "improvement_item", "recommendation_item")


def _with_oddities(source: Path, target: Path) -> Path:
    """The extract with oddities in some cells, copies that differ and copies that do not."""
    target.mkdir()
    chance = random.Random(4)
    events: list[list[str]] = []
    for path in sorted(source.glob("*s.csv")):  # the list of suppressions is the last
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        if path.stem == "suppressions":
            rows += events
        else:
            events += [event for row in chance.sample(rows, 12) for event in _events(row, chance)]
            free = [i for i, n in enumerate(header) if n.lower() not in LEFT_ALONE]
            for row in rows[:: 2 if "cert" in path.stem else 9]:
                for place in chance.sample(free, 5 if "cert" in path.stem else 1):
                    if not _decides(header[place]) or chance.random() < 0.04:
                        row[place] = chance.choice(ODDITIES)
            if (name := "related_certificate_number") in header:
                own = header.index("certificate_number")
                for at, row in enumerate(rows[::3]):  # of each fate, its own among them
                    row[header.index(name)] = rows[at * 3 // 2][own]
            rows += [list(row) for row in chance.sample(rows, 6)]
            for row in chance.sample(rows[:200], 4):
                copy = list(row)
                copy[chance.choice(free)] += " changed"
                rows.append(copy)
        with (target / path.name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    return target


def _events(row: Sequence[str], chance: random.Random) -> Iterator[list[str]]:
    """Up to three events of a record's certificate, its key spelt in some way."""
    key = max(row[:2], key=lambda text: sum(map(str.isdigit, text)))
    for _ in range(chance.randint(1, 3)):
        spelt = chance.choice([key, key.upper(), key.replace("-", " "), key.replace("-", "")])
        yield [spelt, chance.choice(["opt_out", "opt_in", " OPT_IN "]), chance.choice(EVENT_TIMES)]


def _decides(name: str) -> bool:
    return name.lower() in DECIDING
