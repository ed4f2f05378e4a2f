"""The standing list: who was withdrawn from what is public, and stays out of every later build.

``<state>/withdrawn-<register>.csv`` (mode 0600) has the form of a suppression list. Its events
count in every build beside those of the list that the build is given, whether that list still has
them or not; an opt-in that was received later takes one back.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from epc_release.anonymise.suppressions import HEADER, OPT_OUT, Event, read_events
from epc_release.release.disk import flush_folder, private, private_folder


def withdrawn(state: Path, register: str) -> list[Event]:
    """The events of the standing list; none where nothing was ever withdrawn. Raises E150."""
    file = _file(state, register)
    return read_events(file) if file.is_file() else []


def anything_withdrawn(state: Path) -> bool:
    """Whether there is a standing list, of whichever register."""
    return any(state.glob(_file(state, "*").name))


def keep_out(state: Path, register: str, keys: Mapping[str, datetime]) -> int:
    """Add opt-outs (canonical key, time) to the standing list; how many were new to it.

    The list is replaced in one step, and on disk for good when this returns.
    """
    known = set(withdrawn(state, register))
    events = known | {(key, OPT_OUT, time.astimezone(UTC)) for key, time in keys.items()}
    if events == known:
        return 0
    private_folder(state)
    file = _file(state, register)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with open(part, "w", encoding="utf-8", newline="", opener=private) as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((key, event, time.isoformat()) for key, event, time in sorted(events))
        sink.flush()
        os.fsync(sink.fileno())
    part.replace(file)
    flush_folder(state)
    return len(events) - len(known)


def _file(state: Path, register: str) -> Path:
    return state / f"withdrawn-{register}.csv"
