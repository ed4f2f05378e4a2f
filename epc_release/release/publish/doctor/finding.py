"""What a doctor finds at a place, and the report of it."""

from __future__ import annotations

from dataclasses import dataclass

from epc_release.errors import ReleaseError


@dataclass(frozen=True)
class Finding:
    """One thing that was tried: what it was, whether it may stay so, and what was seen."""

    name: str
    right: bool
    says: str


@dataclass(frozen=True)
class Report:
    """All findings at a place; ``protocol`` is how publish excludes others and proves there."""

    uri: str
    findings: tuple[Finding, ...]
    protocol: str

    def summary(self) -> str:
        """For a person, a line for each finding."""
        lines = [f"{'ok  ' if f.right else 'BAD '} {f.name}: {f.says}" for f in self.findings]
        return "\n".join([self.uri, *lines, f"publish here: {self.protocol}"])

    def check(self) -> None:
        """E510 if anything is wrong."""
        wrong = [finding.name for finding in self.findings if not finding.right]
        if wrong:
            raise ReleaseError(
                "E510",
                uri=self.uri,
                wrong=len(wrong),
                tried=len(self.findings),
                names=", ".join(wrong),
            )
