"""Codes of cells, as numbers in the spills: errors are published missing, warnings as they are."""

from __future__ import annotations

from dataclasses import dataclass

from epc_release.schemas.types import PROBLEMS, WARNINGS


@dataclass(frozen=True)
class Code:
    """A stable code and its severity."""

    code: str
    severity: str

    @property
    def is_error(self) -> bool:
        return self.severity == "error"


CODES = (
    *(Code(code, "error") for code in PROBLEMS),
    *(Code(code, "warning") for code in (*WARNINGS, "band-mismatch")),
)
FIRST_WARNING = len(PROBLEMS)
BAND_MISMATCH = len(CODES) - 1
