"""A build under a policy that must be approved stops until it is, and again after a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epc_release.anonymise.policy import POLICIES, load_policy
from epc_release.errors import ReleaseError
from epc_release.release.approvals import approve
from epc_release.schemas.load import load_register


def test_only_an_approved_policy_is_built(
    extract: Callable[..., Path], build: Callable[..., Any], tmp_path: Path
) -> None:
    source = (POLICIES / "epc" / "address-level.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(source + '\n[release]\napproval = "required"\n', encoding="utf-8")
    for settings in ({"policy": str(path)}, {"policy": "address-level", "approval": "required"}):
        with pytest.raises(ReleaseError, match="E155"):
            build(extract(), **settings)
    assert not (tmp_path / "out").exists()
    approve(load_policy(path, load_register("epc")), tmp_path / "state", "A. Name", "read")
    assert (build(extract(), policy=str(path)).path / "datapackage.json").is_file()
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"it changed since A[.] Name approved it"):
        build(extract(), policy=str(path), release="t2")
