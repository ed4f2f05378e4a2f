"""Whole builds of small synthetic registers, made once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.release import pipeline
from epc_release.release.config import Settings
from epc_release.release.progress import Silent
from epc_release.release.report import BuildReport
from epc_release.release.synth import synthesise
from epc_release.schemas.load import load_register

ROWS = 3_000
KEY = base64.b64encode(hashlib.sha256(b"a key for tests only").digest()).decode()

Extract = Callable[..., Path]
Build = Callable[..., BuildReport]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret of pseudonyms, as a release manager would set it."""
    monkeypatch.setenv("EPC_RELEASE_KEY", KEY)


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
