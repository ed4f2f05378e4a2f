"""Codes of cells, as numbers in the spills: errors are published missing, warnings as they are."""

from __future__ import annotations

from dataclasses import dataclass

from epc_release.schemas.types import PROBLEMS, WARNINGS


@dataclass(frozen=True)
class Code:
    """A stable code and its severity."""

    code: str
    severity: str


# Warnings that need more than one cell: of a record (a band and its score, two columns in order)
# or of a table (records of one statistical unit).
OF_RECORDS = ("band-mismatch", "out-of-order", "many-of-unit")
CODES = (
    *(Code(code, "error") for code in PROBLEMS),
    *(Code(code, "warning") for code in (*WARNINGS, *OF_RECORDS)),
)
FIRST_WARNING = len(PROBLEMS)
NO_FORM = PROBLEMS.index("pattern")
BAND_MISMATCH, OUT_OF_ORDER, MANY_OF_UNIT = range(len(CODES) - len(OF_RECORDS), len(CODES))
