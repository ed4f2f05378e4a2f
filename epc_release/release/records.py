"""What can become of a record, as one number, so that decisions stay vectorised.

0: it stays. Below 100: excluded, by the n-th record rule of the policy, with its parent (99),
because a build with a limit did not read its parent (98), because a newer record of its key
replaced it (97) or took the key out (96), or because it has no text at all (95). 94: suppressed,
since too few records are alike, or with such a parent.
From 100 on: rejected, by code.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from epc_release.schemas.types import PROBLEMS

DECISION = pl.UInt16
STAYS = 0
EXCLUDED_WITH_PARENT = 99
EXCLUDED_BY_LIMIT = 98
SUPERSEDED = 97
REMOVED = 96
BLANK_ROW = 95
SUPPRESSED = 94
FIRST_REJECTED = 100
SPECIAL = {
    EXCLUDED_WITH_PARENT: "parent",
    EXCLUDED_BY_LIMIT: "limit",
    SUPERSEDED: "superseded",
    REMOVED: "removed",
    BLANK_ROW: "blank-row",
}
REJECTED = (
    *PROBLEMS,
    "required-missing",
    "ragged-row",
    "duplicate-row",
    "duplicate-key",
    "orphan",
    "parent",
)


def rejected(code: str) -> int:
    """The decision that rejects with this code."""
    return FIRST_REJECTED + REJECTED.index(code)


def tally(
    decisions: pl.Series, reasons: Sequence[str]
) -> tuple[int, dict[str, int], dict[str, int]]:
    """Rows that stay, rows excluded by reason and rows rejected by code.

    ``reasons`` are the ids of the policy's record rules in order.
    """
    stays, excluded, refused = 0, {}, {}
    for decision, count in decisions.value_counts().iter_rows():
        if decision == STAYS:
            stays = count
        elif decision < FIRST_REJECTED:
            excluded[SPECIAL.get(decision) or reasons[decision - 1]] = count
        else:
            refused[REJECTED[decision - FIRST_REJECTED]] = count
    return stays, excluded, refused
