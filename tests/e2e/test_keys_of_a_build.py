"""The key of the pseudonyms: nowhere on disk, never two identifiers alike, changes are told."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from epc_release.anonymise.policy import load_policy
from epc_release.anonymise.rules import pseudonym
from epc_release.errors import ReleaseError
from epc_release.release import pipeline, stages, workspace
from epc_release.release.collisions import pseudonymised
from epc_release.schemas.load import load_register

OTHER = base64.b64encode(hashlib.sha256(b"another key for tests").digest()).decode()
HALF_WAY = """
import os, sys
from epc_release.release import stages
from epc_release.release.cli import main

def die(task):
    os.kill(os.getpid(), 9)

stages.finish = die
sys.exit(main(sys.argv[1:]))
"""


def at(hour: int) -> datetime:
    return datetime(2026, 10, 1, hour, tzinfo=UTC)


def spellings(key: str) -> set[bytes]:
    """The key and the key of certificates derived from it, however they could be written."""
    raw = base64.b64decode(key)
    derived = hmac.digest(raw, b"pseudonym:certificate", "sha256")
    found = {key.encode(), key.rstrip("=").encode()}
    for secret in (raw, derived):
        found |= {secret, secret[:16], secret.hex().encode(), secret.hex().upper().encode()}
        found |= {base64.b64encode(secret), base64.urlsafe_b64encode(secret).rstrip(b"=")}
        found |= {str(list(secret)).encode(), repr(secret).encode(), secret.hex()[:32].encode()}
    return found


def holding(folder: Path, key: str) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    contents = ((path, path.read_bytes()) for path in files)
    return [str(path) for path, data in contents if any(one in data for one in spellings(key))]


def test_a_build_killed_half_way_leaves_no_key_behind(
    extract: Callable[..., Path], tmp_path: Path
) -> None:
    source = extract("register")
    script = tmp_path / "half.py"
    script.write_text(HALF_WAY)
    found = subprocess.run(
        [
            *(sys.executable, script, "build", "--source", source, "--policy", "deidentified"),
            *("--suppressions", source / "suppressions.csv", "--release", "t1", "--jobs", "1"),
            *("--out", tmp_path / "out", "--state", tmp_path / "state", "--log-format", "json"),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(workspace.__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert found.returncode == -9, found.stderr.decode()
    left = list((tmp_path / "state" / "work").rglob("*"))
    for kind in (".data", ".prints", ".pseudonyms", ".pickle", ".arrow"):
        assert any(path.suffix == kind for path in left), kind
    assert holding(tmp_path / "state", os.environ["EPC_RELEASE_KEY"]) == []
    said = found.stdout + found.stderr
    assert said
    assert not any(one in said for one in spellings(os.environ["EPC_RELEASE_KEY"]))
    # the search itself finds a key that is there
    (tmp_path / "state" / "seen.txt").write_text(os.environ["EPC_RELEASE_KEY"])
    assert len(holding(tmp_path / "state", os.environ["EPC_RELEASE_KEY"])) == 1


def test_two_identifiers_with_one_pseudonym_stop_the_build(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(pseudonym, "HEX_DIGITS", 5)
    with pytest.raises(ReleaseError, match=r"E166: \d+ pseudonyms of kind certificate") as stopped:
        build(extract("register"), policy="deidentified")
    assert stopped.value.exit == 4
    # as many as counted by hand
    keys = set()
    secret = base64.b64decode(os.environ["EPC_RELEASE_KEY"])
    kind = hmac.digest(secret, b"pseudonym:certificate", "sha256").hex().encode()
    for path in extract("register").glob("*-certificates.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            keys |= {row["certificate_number"] for row in csv.DictReader(file)}
    short = [hmac.new(kind, key.encode(), "sha256").hexdigest()[:5] for key in keys]
    assert 0 < int(str(stopped.value.details["count"])) <= len(short) - len(set(short))
    assert not (tmp_path / "out").exists()


def test_the_columns_that_are_looked_at() -> None:
    epc = load_register("epc")
    rules = load_policy("deidentified", epc).tables
    found = {t.name: list(pseudonymised(t, rules)) for t in epc.tables}
    assert found["domestic-certificates"] == [("certificate_number", "certificate")]
    assert found["domestic-recommendations"] == []  # its parents' own
    related = [("related_certificate_number", "certificate")]
    assert found["display-recommendations"] == related


def test_another_key_is_told(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = build(extract(), release="one", cutoff=at(6), policy="deidentified")
    again: dict[str, Any] = {"override_interval": True, "reason": "a test"}
    same = build(extract(), release="two", cutoff=at(7), policy="deidentified", **again)
    assert first.rekeyed is same.rekeyed is None
    monkeypatch.setenv("EPC_RELEASE_KEY", OTHER)
    monkeypatch.setattr(logging.getLogger("epc_release"), "propagate", True)
    changed = build(extract(), release="three", cutoff=at(8), policy="deidentified", **again)
    assert changed.rekeyed == "two"
    assert "The key is not that of release two" in changed.summary()
    assert any("another key" in record.message for record in caplog.records)


def test_a_key_that_changes_while_a_build_runs_stops_it(
    extract: Callable[..., Path], build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = stages.route_all

    def rotated(*given: Any) -> Any:
        monkeypatch.setenv("EPC_RELEASE_KEY", OTHER)
        return begin(*given)

    monkeypatch.setattr(pipeline, "route_all", rotated)
    with pytest.raises(ReleaseError, match="E167") as stopped:
        build(extract(), policy="deidentified")
    assert stopped.value.details["found"] != stopped.value.details["begun"]
