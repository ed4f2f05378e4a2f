"""The suppression list against the one before it: what was received is never forgotten.

``<state>/<release>/events.parquet`` holds a 128-bit digest of each event (certificate, event, time)
of the list that a release was built with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from epc_release.anonymise.suppressions import SuppressionList
from epc_release.errors import ReleaseError
from epc_release.release.earlier import Earlier
from epc_release.release.log import LOGGER
from epc_release.release.prepare import Prepared
from epc_release.schemas.checks.keys import H1, H2

EVENTS = "events.parquet"


@dataclass(frozen=True)
class ListHistory:
    """A list beside that of ``release``, the one before (None: there is none).

    ``new`` events were not in that one, ``repeated`` lines say the same as another. ``unknown``
    certificates are in no file of the extract (None: not all of it is read).
    """

    release: str | None
    new: int
    repeated: int
    unknown: int | None = None

    def told(self) -> dict[str, Any]:
        """For the private report."""
        return {
            "compared_with": self.release,
            "new": self.new,
            "repeated": self.repeated,
            "unknown": self.unknown,
        }


def compare_lists(prepared: Prepared, before: Earlier | None) -> ListHistory | None:
    """The list of a build beside that of the release before; None where there is none now.

    Raises E414 where events of that list are not in this one, and E413 where the state lost them.
    """
    now = prepared.suppressions
    kept = before is not None and before.report.get("list_history")
    digests = _digests(now)
    if before is None or not kept:
        return None if now is None else ListHistory(None, digests.height, now.repeated)
    known = pl.read_parquet(before.kept(EVENTS))
    lost = known.join(digests, on=[H1, H2], how="anti").height
    if lost and _listens(prepared):
        file = "no list is given" if now is None else prepared.settings.suppressions
        raise ReleaseError(
            "E414", file=file, lost=lost, events=known.height, release=before.release
        )
    new = digests.height - (known.height - lost)
    return None if now is None else ListHistory(before.release, new, now.repeated)


def with_unknown(
    history: ListHistory | None, prepared: Prepared, found: set[int]
) -> ListHistory | None:
    """The history with what the extract told: the positions of listed certificates ``found``.

    What a release manager should look at is logged as a warning; a real list stops nothing.
    """
    listed = prepared.suppressions
    if history is None or listed is None:
        return None
    whole = prepared.settings.limit is None
    known = replace(history, unknown=listed.certificates - len(found) if whole else None)
    if known.unknown:
        message = "certificates of the suppression list are not in the extract"
        LOGGER.warning(message, extra={"certificates": known.unknown})
    if known.repeated:
        message = "lines of the suppression list say the same as another"
        LOGGER.warning(message, extra={"lines": known.repeated})
    return known


def keep_events(prepared: Prepared, folder: Path) -> None:
    """Leave the digests of the list's events in ``folder``."""
    if prepared.suppressions is not None:
        file = folder / EVENTS
        prepared.suppressions.digests.write_parquet(file)
        file.chmod(0o600)


def _digests(found: SuppressionList | None) -> pl.DataFrame:
    if found is None:
        return pl.DataFrame(schema={H1: pl.UInt64, H2: pl.UInt64})
    return found.digests


def _listens(prepared: Prepared) -> bool:
    """Whether the policy leaves records out by a list at all."""
    return any(rule.kind == "suppression_list" for rule in prepared.policy.records)
