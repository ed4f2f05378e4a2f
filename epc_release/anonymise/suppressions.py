"""The suppression list: who opted out of publication, and who opted back in.

CSV in UTF-8, header ``certificate_number,event,time``; event ``opt_out`` or ``opt_in``; RFC 3339
time with an offset. The newest event of a certificate wins. An opt-out counts whenever it was
received, after the cut-off included; an opt-in only at or before it. At equal times the opt-out
wins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import polars as pl

from epc_release.anonymise.lines import Line, read_lines
from epc_release.errors import ReleaseError
from epc_release.schemas.checks.keys import H1, H2, key_digest

HEADER = ("certificate_number", "event", "time")
OPT_OUT, OPT_IN = "opt_out", "opt_in"
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_SEPARATORS = re.compile(r"[-\s]")

Event = tuple[str, str, datetime]  # canonical key, opt_out or opt_in, time with zone


@dataclass(frozen=True)
class SuppressionList:
    """A list as it counts at one cut-off.

    ``opted_out``: canonical keys to exclude (String, distinct, sorted, named ``key``); ``listed``
    likewise all keys that have an event. ``events`` counts lines, ``repeated`` those that say the
    same as another. ``digests`` are 128 bits of each distinct event (``h1``, ``h2``: UInt64).
    """

    opted_out: pl.Series
    listed: pl.Series
    digests: pl.DataFrame
    events: int
    repeated: int
    as_of: datetime | None
    sha256: str

    @property
    def certificates(self) -> int:
        """Distinct keys."""
        return len(self.listed)

    def __repr__(self) -> str:
        return f"<SuppressionList: {self.events} events>"


def read_suppressions(
    path: Path,
    cutoff: datetime,
    as_of: datetime | None = None,
    max_age: timedelta | None = None,
    standing: Collection[Event] = (),
) -> SuppressionList:
    """Read a list as it counts at ``cutoff`` (aware). ``as_of`` (aware) is when it was complete.

    ``standing`` are events that count too, whether the list still has them or not.

    Raises E150 for a line that is not understood, E151 if the list was more than ``max_age`` old at
    the cut-off, E152 if ``max_age`` is given and nothing says how old it is.
    """
    if max_age is not None:
        _check_age(path, cutoff, as_of, max_age)
    events = read_events(path)
    seen = set(events)
    all_of_them = seen.union(standing)
    return SuppressionList(
        opted_out=pl.Series("key", sorted(opted_out(all_of_them, cutoff)), dtype=pl.String),
        listed=pl.Series("key", sorted({key for key, _, _ in all_of_them}), dtype=pl.String),
        digests=event_digests(all_of_them),
        events=len(events),
        repeated=len(events) - len(seen),
        as_of=as_of,
        sha256=sha256(path.read_bytes()).hexdigest(),
    )


def read_events(path: Path) -> list[Event]:
    """The events of a list, line by line. Raises E150."""
    return [_event(line) for line in read_lines(path, HEADER, "E150")]


def opted_out(events: Iterable[Event], cutoff: datetime) -> dict[str, datetime]:
    """The keys that are out at ``cutoff``, and since when."""
    newest: dict[str, tuple[datetime, bool]] = {}
    for key, event, time in events:
        if event == OPT_OUT or time <= cutoff:
            # True sorts after False, so at equal times the opt-out is the newest.
            newest[key] = max(newest.get(key, (time, False)), (time, event == OPT_OUT))
    return {key: time for key, (time, out) in newest.items() if out}


def canonical_key(values: pl.Expr) -> pl.Expr:
    """Keys as they are compared: lower case, without hyphens and blanks."""
    return values.cast(pl.String).str.to_lowercase().str.replace_all(r"[-\s]", "")


def event_digests(events: Collection[Event]) -> pl.DataFrame:
    """Digests of distinct events, sorted; a moment is the same in every zone."""
    moments = [time.astimezone(UTC) for _, _, time in events]
    frame = pl.DataFrame(
        {
            "key": pl.Series([key for key, _, _ in events], dtype=pl.String),
            "event": pl.Series([event for _, event, _ in events], dtype=pl.String),
            "time": pl.Series(moments, dtype=pl.Datetime("us", "UTC")),
        }
    )
    return key_digest(frame).sort(H1, H2)


def _event(line: Line) -> Event:
    key = _SEPARATORS.sub("", line.cells[0]).lower()
    event, time = line.cells[1].strip().lower(), line.cells[2].strip()
    if not key:
        line.wrong("the certificate number is missing")
    if event not in (OPT_OUT, OPT_IN):
        line.wrong(f"the event must be {OPT_OUT} or {OPT_IN}")
    if not _RFC3339.fullmatch(time):
        line.wrong("the time must be RFC 3339 with a zone, such as 2026-03-31T23:59:00+01:00")
    try:
        return key, event, datetime.fromisoformat(time.upper())
    except ValueError:
        line.wrong("there is no such time")


def _check_age(path: Path, cutoff: datetime, as_of: datetime | None, limit: timedelta) -> None:
    if as_of is None:
        raise ReleaseError("E152", file=path)
    if cutoff - as_of > limit:
        raise ReleaseError(
            "E151",
            file=path,
            as_of=as_of.isoformat(),
            cutoff=cutoff.isoformat(),
            max_age=f"{limit.total_seconds() / 3600:g}",
        )
