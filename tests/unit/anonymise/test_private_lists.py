"""The suppression list and the list of sites: what counts, and what stops the build."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.sites import read_sites
from epc_release.anonymise.suppressions import canonical_key, read_suppressions
from epc_release.errors import ReleaseError

CUTOFF = datetime(2024, 7, 1, 12, tzinfo=UTC)
HEADER = "certificate_number,event,time\n"


def listed(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "suppressions.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_newest_event_wins(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "in-again,opt_out,2024-01-01T00:00:00Z",
        "in-again,opt_in,2024-02-01T00:00:00Z",
        "out-again,opt_in,2024-02-01T00:00:00Z",
        "OUTAGAIN,opt_out,2024-03-01T00:00:00+01:00",
        "late-out,opt_out,2025-01-01T00:00:00Z",
        "late-in,opt_out,2024-01-01T00:00:00Z",
        "late-in,opt_in,2024-07-01T13:00:01+01:00",
        "on-time,opt_out,2024-01-01T00:00:00Z",
        "on-time,opt_in,2024-07-01T13:00:00+01:00",
        "same-time,opt_out,2024-01-01T00:00:00Z",
        "same-time,opt_in,2024-01-01T01:00:00+01:00",
        "only-late-in,opt_in,2025-01-01T00:00:00Z",
        "late-out,OPT_OUT,2025-01-01T00:00:00Z",
        "",
    )
    found = read_suppressions(path, CUTOFF)
    assert found.opted_out.to_list() == ["latein", "lateout", "outagain", "sametime"]
    assert (found.events, found.certificates, found.repeated) == (13, 7, 1)
    assert "latein" not in repr(found)


def test_events_are_known_again_however_they_are_written(tmp_path: Path) -> None:
    lines = ["AB-1,opt_out,2024-01-01T00:00:00Z", "b2,opt_in,2024-01-02T00:00:00Z"]
    same = ["b 2,OPT_IN,2024-01-02T01:00:00+01:00", "ab1,opt_out,2024-01-01t00:00:00.000z"]
    others = ["ab1,opt_in,2024-01-01T00:00:00Z", "b2,opt_in,2024-01-02T00:00:01Z"]
    first, again, other = (
        read_suppressions(listed(tmp_path, *each), CUTOFF).digests
        for each in (lines, [*same, same[0]], others)
    )
    assert first.height == 2
    assert first.equals(again)
    assert first.join(other, on=first.columns, how="semi").is_empty()


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    assert read_suppressions(listed(tmp_path), CUTOFF).opted_out.to_list() == []


@pytest.mark.parametrize(
    "line",
    [
        "a,opt_out,2024-01-01T00:00:00",
        "a,opt_out,2024-01-01",
        "a,opt_out,2024-13-01T00:00:00Z",
        "a,opted out,2024-01-01T00:00:00Z",
        " - ,opt_out,2024-01-01T00:00:00Z",
        "a,opt_out",
        "a,opt_out,2024-01-01T00:00:00Z,x",
        'a,"opt_out',
    ],
)
def test_a_line_that_is_not_understood_stops(tmp_path: Path, line: str) -> None:
    path = listed(tmp_path, "good,opt_out,2024-01-01T00:00:00Z", line)
    with pytest.raises(ReleaseError, match=r"E150: .*suppressions\.csv, line 3:"):
        read_suppressions(path, CUTOFF)


@pytest.mark.parametrize(
    "raw", [b"", b"certificate,event\n", b"\xff\xfe", HEADER.encode() + b"\xe9"]
)
def test_what_is_no_list_stops(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "suppressions.csv"
    path.write_bytes(raw)
    with pytest.raises(ReleaseError, match="E150"):
        read_suppressions(path, CUTOFF)
    with pytest.raises(ReleaseError, match="E150"):
        read_suppressions(tmp_path / "none.csv", CUTOFF)


def test_age(tmp_path: Path) -> None:
    path, day = listed(tmp_path), timedelta(hours=24)
    assert read_suppressions(path, CUTOFF, CUTOFF - day, day).as_of == CUTOFF - day
    assert read_suppressions(path, CUTOFF, CUTOFF + day, day).as_of == CUTOFF + day
    with pytest.raises(ReleaseError, match=r"E151: .* 24 hours") as old:
        read_suppressions(path, CUTOFF, CUTOFF - day - timedelta(seconds=1), day)
    assert old.value.exit == 4
    with pytest.raises(ReleaseError, match="E152"):
        read_suppressions(path, CUTOFF, None, day)


def test_keys_are_compared_after_canonicalising() -> None:
    frame = pl.DataFrame({"k": pl.Series(["0000-00Ab ", None], dtype=pl.Categorical)})
    assert frame.select(canonical_key(pl.col("k")))["k"].to_list() == ["000000ab", None]


def test_sites(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text("uprn,postcode\n0077,ab1 2cd\n,M1 1AE\n77,AB12CD\n")
    found = read_sites(path)
    assert found.uprns.to_list() == ["77"]
    assert found.postcodes.to_list() == ["AB12CD", "M11AE"]
    assert "77" not in repr(found)
    for line in ("77,\n", "seven,AB1 2CD\n", "77,AB\n", "77\n"):
        path.write_text("uprn,postcode\n" + line)
        with pytest.raises(ReleaseError, match="line 2") as stopped:
            read_sites(path)
        assert stopped.value.problem.code == "E153"
        assert "seven" not in str(stopped.value)
