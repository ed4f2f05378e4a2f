"""What was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from epc_release.release.synth.write import ExtractFile


@dataclass(frozen=True)
class SynthReport:
    """A finished extract: its files by table, and the rows that no release may hold, by table and
    case. ``canaries`` counts the lines of ``private/canaries.csv``.
    """

    out: Path
    files: Mapping[str, ExtractFile]
    excluded: Mapping[str, Mapping[str, int]]
    canaries: int

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        return {table: file.rows for table, file in self.files.items()}
