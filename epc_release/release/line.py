"""What the releases of one line mean for each other: read before a build, left for the next one.

A line is a register under a policy. The release before is that of the state with the newest earlier
cut-off; each kind of what is remembered of it has a module of its own (:mod:`sticky`,
:mod:`optouts`, :mod:`differences`, :mod:`interval`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epc_release.release.differences import EarlierPrints, kept_prints, read_prints
from epc_release.release.earlier import newest_before
from epc_release.release.interval import check_interval
from epc_release.release.log import LOGGER
from epc_release.release.optouts import ListHistory, compare_lists, keep_events, with_unknown
from epc_release.release.prepare import Prepared
from epc_release.release.protection import Taken
from epc_release.release.sticky import Sticky, keep_taken, key_id, read_sticky


@dataclass(frozen=True)
class Line:
    """What the release before this one in its line means for it.

    ``overridden``: the interval that was not waited for, and why.
    """

    sticky: Sticky
    history: ListHistory | None
    prints: EarlierPrints | None
    overridden: Mapping[str, Any] | None


def read_line(prepared: Prepared) -> Line:
    """Raises E413 where the state lost what a release left, E414 and E416."""
    overridden = check_interval(prepared)
    before = newest_before(prepared)
    sticky = read_sticky(prepared, before)
    if sticky.rekeyed:
        LOGGER.warning("another key makes the pseudonyms", extra={"since": sticky.rekeyed})
    history = compare_lists(prepared, before)
    return Line(sticky, history, read_prints(prepared, before), overridden)


def keep_line(
    prepared: Prepared,
    line: Line,
    taken: Mapping[str, Taken],
    differences: Mapping[str, Any] | None,
    listed: set[int],
    kept: Path,
) -> dict[str, Any]:
    """Leave in the folder ``kept`` what the next release of the line needs.

    Returns what only the private report tells. ``listed``: positions of the suppression list's
    certificates that are in the extract.
    """
    history = with_unknown(line.history, prepared, listed)
    keep_events(prepared, kept)
    return {
        "key_id": key_id(prepared),
        "suppressed": keep_taken(prepared.register, line.sticky, taken, kept),
        "sticky": line.sticky.told(),
        "list_history": None if history is None else history.told(),
        "interval_overridden": line.overridden,
        "differences": differences,
        "prints": kept_prints(prepared, kept),
    }
