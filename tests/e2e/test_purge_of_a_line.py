"""After a purge of all that may go a line goes on: its next release, and the last one again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from epc_release.anonymise.policy import POLICIES
from epc_release.errors import ReleaseError
from epc_release.release.cli import main
from epc_release.release.config import Settings
from epc_release.release.purge import find, remove
from epc_release.release.retention import Retention

CUTOFFS = [datetime(2026, 10, 1, 0, 0, second, tzinfo=UTC) for second in range(4)]
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def frequent(tmp_path: Path) -> Path:
    """The de-identified policy with one key set, however often a release is made."""
    folder = Path(shutil.copytree(POLICIES / "epc", tmp_path / "policy"))
    path = folder / "deidentified.toml"
    text = path.read_text(encoding="utf-8").replace("min_interval_days = 90", "")
    head, *sections = re.split(r"(?m)^(?=\[\[)", text)
    risks = [each for each in sections if each.startswith("[[risk]]")]
    kept = "".join(each for each in sections if each not in risks[1:])
    path.write_text(head + kept, encoding="utf-8")
    return path


def test_a_line_goes_on(build: Callable[..., Any], frequent: Path, tmp_path: Path) -> None:
    source, state = tmp_path / "extract", tmp_path / "state"
    assert main(["synth", str(source), "--rows", "150", "--seed", "3"]) == 0
    build = partial(build, source, policy=str(frequent), allow_empty=True)
    for name, cutoff in zip("abc", CUTOFFS, strict=False):
        build(release=name, cutoff=cutoff)
    settings = Settings(state=state, retention=Retention(0, 0, 0))
    doomed = find(settings, (), LATER)
    assert {each.path.relative_to(state).as_posix() for each in doomed} == {
        *("a/quarantine", "a/suppressed", "a/prints", "a/events.parquet", "a/private"),
        *("b/quarantine", "c/quarantine"),
    }
    remove(doomed)

    again = tmp_path / "again"
    build(release="c", cutoff=CUTOFFS[2], out=again)
    sums = [(out / "c" / "SHA256SUMS").read_bytes() for out in (tmp_path / "out", again)]
    assert sums[0] == sums[1]
    build(release="d", cutoff=CUTOFFS[3])
    with pytest.raises(ReleaseError, match="E413"):  # needs a, which nothing else does
        build(release="b", cutoff=CUTOFFS[1], out=again)
