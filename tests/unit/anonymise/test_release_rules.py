"""The ``[release]`` section of a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from epc_release.anonymise.document import read_document
from epc_release.anonymise.releaserules import ReleaseRules, read_release_rules
from epc_release.errors import ReleaseError


def read(tmp_path: Path, text: str) -> ReleaseRules:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return read_release_rules(read_document(path, "ours").section("release"))


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    assert read(tmp_path, "name = 'x'\n") == ReleaseRules(min_interval_days=0, min_removed=10)
    assert read(tmp_path, "[release]\nmin_removed = 0\n") == ReleaseRules(min_removed=0)
    assert read(tmp_path, "[release]\nmin_interval_days = 30\n").min_interval_days == 30


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n[release]\nmin_removed = -1\n", 3),
        ("[release]\nmin_removed = 3\nmin_interval_days = 1.5\n", 3),
        ("[release]\nmin_interval_days = 'a quarter'\n", 2),
        ("[release]\nmin_interval = 90\n", 2),
        ("[[release]]\nmin_removed = 1\n", 1),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ReleaseError, match=f"E141: ours, line {line}: "):
        read(tmp_path, text)
