"""How long each private kind is kept: the ``[retention]`` of release.toml, in days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Retention:
    """Days. ``quarantine``: rejected cells and records. ``work``: what a killed build left.
    ``line``: what releases remember for the next one, and for their leak test, where newer releases
    have made it needless.
    """

    quarantine: int = 30
    work: int = 7
    line: int = 30


def parse_retention(raw: object) -> Retention:
    """A TOML table, or ``quarantine=30,work=7``; what is not said is the default's."""
    if isinstance(raw, str):
        pairs = [item.partition("=") for item in raw.split(",") if item.strip()]
        raw = {name.strip(): days.strip() for name, _, days in pairs}
    if not isinstance(raw, Mapping):
        raise ValueError("a table of days is needed, such as quarantine = 30")
    known = [field.name for field in fields(Retention)]
    found = {}
    for name, days in raw.items():
        if name not in known:
            raise ValueError(f"there is no kind {name!r}; known: {', '.join(known)}")
        if isinstance(days, bool) or not str(days).isdecimal():
            raise ValueError(f"{name} = {days!r} is no whole number of days")
        found[str(name)] = int(str(days))
    return Retention(**found)
