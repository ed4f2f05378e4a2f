"""What a release line remembers from one release to the next, and what it refuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from epc_release.errors import ReleaseError

ONE, TWO = (datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2))
CERTIFICATES = "domestic-certificates"


def events(source: Path) -> list[str]:
    """The lines of the extract's list, header first."""
    return (source / "suppressions.csv").read_text(encoding="utf-8").splitlines()


def listed(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def report(tmp_path: Path, release: str) -> dict[str, Any]:
    found = json.loads((tmp_path / "state" / release / "report.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


class TestSuppressionList:
    def test_lost_events_stop_the_build_and_none_is_named(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        source = extract()
        lines = events(source)
        build(source, release="one", cutoff=ONE)
        kept = tmp_path / "state" / "one" / "events.parquet"
        assert kept.stat().st_mode & 0o077 == 0
        short = listed(tmp_path / "short.csv", lines[:-3])
        with pytest.raises(ReleaseError) as stopped:
            build(source, release="two", cutoff=TWO, suppressions=short)
        assert (stopped.value.problem.code, stopped.value.exit) == ("E414", 4)
        assert "3 of the" in str(stopped.value)
        assert not any(line.split(",")[0] in str(stopped.value) for line in lines[1:])
        assert not (tmp_path / "out" / "two").exists()
        # The release that the list was made for is not compared with itself, or with a later one.
        build(source, release="one", cutoff=ONE, suppressions=short, out=tmp_path / "again")

    def test_a_list_may_grow_be_spelt_otherwise_and_repeat_itself(
        self,
        extract: Callable[..., Path],
        build: Callable[..., Any],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        source = extract()
        lines = events(source)
        build(source, release="one", cutoff=ONE)
        more = [
            *(line.lower().replace("-", "", 4) for line in lines[:1:-1]),
            lines[1],
            lines[1],
            "0000-nowhere,opt_out,2026-01-01T00:00:00Z",
        ]
        with caplog.at_level(logging.WARNING, "epc_release"):
            build(
                source,
                release="two",
                cutoff=TWO,
                suppressions=listed(tmp_path / "more.csv", [lines[0], *more]),
            )
        before = report(tmp_path, "one")["list_history"]
        now = report(tmp_path, "two")["list_history"]
        assert (now["compared_with"], now["new"]) == ("one", 1)
        assert now["unknown"] == before["unknown"] + 1
        assert now["repeated"] == before["repeated"] + 1
        warned = {record.message: vars(record) for record in caplog.records}
        found = warned["certificates of the suppression list are not in the extract"]
        assert found["certificates"] == now["unknown"]
        assert "nowhere" not in caplog.text

    def test_no_list_at_all_loses_every_event(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        """A dialect that is screened upstream needs no list, until it was built with one."""
        source = extract("legacy")
        lines = events(source)
        alone = tmp_path / "alone"
        alone.mkdir()
        for file in source.glob("*"):
            if file.name not in ("suppressions.csv", "extract.json", "private"):
                (alone / file.name).symlink_to(file)
        build(source, release="one", cutoff=ONE)
        with pytest.raises(ReleaseError) as stopped:
            build(alone, release="two", cutoff=TWO)
        assert stopped.value.problem.code == "E414"
        assert f"{len(set(lines[1:]))} of the" in str(stopped.value)

    def test_a_state_that_lost_the_events_stops_the_next_build(
        self, extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
    ) -> None:
        source = extract()
        build(source, release="one", cutoff=ONE)
        (tmp_path / "state" / "one" / "events.parquet").unlink()
        with pytest.raises(ReleaseError) as stopped:
            build(source, release="two", cutoff=TWO)
        assert stopped.value.problem.code == "E413"
