"""``SHA256SUMS``: what ``sha256sum -c SHA256SUMS`` checks, the descriptor included."""

from __future__ import annotations

import re
from collections.abc import Iterable

from epc_release.manifests.facts import FileFacts

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\n]+)")


def checksums(files: Iterable[FileFacts]) -> str:
    """The text of ``SHA256SUMS``, sorted by path (code points)."""
    return "".join(f"{file.sha256}  {file.path}\n" for file in sorted(files, key=lambda f: f.path))


def parse_checksums(text: str) -> dict[str, str]:
    """Hash by path. Raises ValueError for a line that is none, or a path that stands twice."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise ValueError(f"line {number} is not understood")
        found[match[2]] = match[1]
    return found
