"""Earlier releases of a release line (register and policy), as the state remembers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release.gates.history import REPORT
from epc_release.release.prepare import Prepared


@dataclass(frozen=True)
class Earlier:
    """A finished release: its private folder in the state and the report in it."""

    folder: Path
    report: Mapping[str, Any]

    @property
    def release(self) -> str:
        return str(self.report["release"])

    @property
    def cutoff(self) -> datetime:
        return datetime.fromisoformat(self.report["cutoff"])

    def kept(self, *names: str) -> Path:
        """A file that the release left in the state. Raises E413 where it is gone."""
        file = self.folder.joinpath(*names)
        if not file.is_file():
            raise ReleaseError("E413", release=self.release, file=file)
        return file


def line_releases(prepared: Prepared) -> tuple[Earlier, ...]:
    """The whole releases of the line but this one, by cut-off; a partial one is none."""
    line = (prepared.register.name, prepared.policy.name)
    found = []
    for path in prepared.settings.state.glob(f"*/{REPORT}"):
        report = json.loads(path.read_text(encoding="utf-8"))
        same = (report.get("register"), report.get("policy")) == line
        if same and not report.get("partial") and report.get("release") != prepared.release:
            found.append(Earlier(path.parent, report))
    return tuple(sorted(found, key=lambda each: (each.cutoff, each.release)))


def newest_before(prepared: Prepared) -> Earlier | None:
    """The newest of them with an earlier cut-off."""
    before = [each for each in line_releases(prepared) if each.cutoff < prepared.cutoff]
    return before[-1] if before else None
