"""What a policy's rules follow besides the policy: files with a hash, so that a change shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Used:
    """A file: its ``kind`` (hierarchy, vocabulary, code list), its name as the policy gives it, and
    the sha256 of its content."""

    kind: str
    name: str
    sha256: str
