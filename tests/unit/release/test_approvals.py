"""Approvals: of exactly one policy with its files, and asked for where the settings say so."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from epc_release.anonymise.policy import POLICIES, Policy, load_policy
from epc_release.errors import ReleaseError
from epc_release.release.approvals import approval, approvals, approve, check_approval
from epc_release.schemas.load import load_register


@pytest.fixture
def policy(tmp_path: Path) -> Callable[..., Policy]:
    """``policy(release=..., hierarchy=...)``: the open policy of a register, with changes."""
    source = (POLICIES / "epc" / "address-level.toml").read_text(encoding="utf-8")

    def make(more: str = "") -> Policy:
        path = tmp_path / "mine.toml"
        path.write_text(source + more, encoding="utf-8")
        return load_policy(path, load_register("epc"))

    return make


def test_who_approved_what(policy: Callable[..., Policy], tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = approve(policy(), state, "A. Name", "board of 3 May")
    assert approval(policy(), state) == made
    assert made.sha256 == policy().sha256
    assert approval(policy("# changed\n"), state) is None
    file = state / "approvals.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    (line,) = (state / "operations.jsonl").read_text().splitlines()
    logged = json.loads(line)
    assert (logged["action"], logged["by"], logged["sha256"]) == (
        "approve-policy", "A. Name", made.sha256,
    )  # fmt: skip
    approve(policy("# changed\n"), state, "B", "again")
    assert [each.by for each in approvals(policy(), state)] == ["A. Name", "B"]


def test_what_a_build_asks_for(policy: Callable[..., Policy], tmp_path: Path) -> None:
    state = tmp_path / "state"
    check_approval(policy(), state, required=False)
    asking = '\n[release]\napproval = "required"\n'
    for asked, required in ((policy(), True), (policy(asking), False)):
        with pytest.raises(ReleaseError) as refused:
            check_approval(asked, state, required)
        assert refused.value.problem.code == "E155"
        assert refused.value.exit == 4
        assert "nobody has approved it" in str(refused.value)
        assert f"--state {state}" in refused.value.fix
    approve(policy(asking), state, "A. Name", "read")
    check_approval(policy(asking), state, required=False)
    with pytest.raises(ReleaseError, match=r"since A\. Name approved it .* \(the policy itself\)"):
        check_approval(policy(asking + "# more\n"), state, required=False)


def test_a_damaged_file_stops(policy: Callable[..., Policy], tmp_path: Path) -> None:
    (tmp_path / "approvals.jsonl").write_text('{"time": 1}\n')
    with pytest.raises(ReleaseError, match=r"E158.*line 1"):
        check_approval(policy(), tmp_path, required=True)
