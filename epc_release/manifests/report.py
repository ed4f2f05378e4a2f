"""What ``verify`` found: one value, shown as text or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from epc_release.errors import ReleaseError, catalogue


@dataclass(frozen=True)
class Finding:
    """One difference: a code of the catalogue, the file or table, what fills the message.

    ``details`` name columns, counts, hashes and row numbers, never values.
    """

    code: str
    path: str
    details: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        message = catalogue()[self.code].message.format(path=self.path, **self.details)
        return f"{self.code}: {message}"


@dataclass(frozen=True)
class VerifyReport:
    """All findings, and how much was looked at: files, bytes, rows of all tables.

    ``origin`` says what is known of who published it.
    """

    release: str
    deep: bool
    files: int
    bytes: int
    rows: int
    findings: tuple[Finding, ...]
    origin: str = "This proves integrity, not origin: no public key was given."

    @property
    def ok(self) -> bool:
        return not self.findings

    def check(self) -> None:
        """Raise E700 (exit 7) unless nothing was found."""
        if self.findings:
            raise ReleaseError(
                "E700",
                release=self.release,
                count=len(self.findings),
                first=self.findings[0],
            )

    def __str__(self) -> str:
        depth = "every row was read" if self.deep else "rows were counted, not read"
        extent = f"{self.files:,} files, {self.bytes:,} bytes, {self.rows:,} rows"
        lines = [
            f"{self.release}: {extent}; {depth}",
            *(str(finding) for finding in self.findings),
            f"{len(self.findings)} findings" if self.findings else "All is as the release says.",
            self.origin,
        ]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {
            "release": self.release,
            "ok": self.ok,
            "deep": self.deep,
            "files": self.files,
            "bytes": self.bytes,
            "rows": self.rows,
            "origin": self.origin,
            "findings": [
                {"code": f.code, "path": f.path, **f.details, "message": str(f)}
                for f in self.findings
            ],
        }
