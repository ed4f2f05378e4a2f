"""``releases.json``, ``latest.json`` and ``notices.json``: what a place says of itself. Pure.

``releases.json`` is {register, policy, version, expires, releases: [entry]}, newest cut-off first;
``latest.json`` is {register, policy, version, expires} with the current entry's members. An entry
is {id, status, cutoff, rows, bytes, sha256, corrects, notices: [{time, text}]}: ``sha256`` is of
the release's SHA256SUMS, ``bytes`` of all its files. One that is gone has ``gone`` too: {time, why,
instead}. ``notices.json`` is {register, policy, version, expires, notices: [{release, time,
text}]}. ``version`` is the same in all of them and only grows; after ``expires`` none of them is to
be believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_json, to_utc
from epc_release.release.publish.candidate import Candidate

RELEASES, LATEST, NOTICES = "releases.json", "latest.json", "notices.json"
POINTERS = (RELEASES, NOTICES, LATEST)  # in the order of writing: what readers follow comes last
CURRENT, SUPERSEDED, PRUNED = "current", "superseded", "pruned"
WITHDRAWN, CORRECTED = "withdrawn", "corrected"
THERE = (CURRENT, SUPERSEDED)  # of releases whose files are there; all others are gone


@dataclass(frozen=True)
class Index:
    """The releases of one line; ``entries`` in the order of ``releases.json``, at most one current.

    ``version`` is that of the stored object, None where there is none yet; ``number`` and
    ``expires`` are the members that readers see (0 and None where it has none).
    """

    register: str
    policy: str
    entries: tuple[Mapping[str, Any], ...] = ()
    version: str | None = None
    number: int = 0
    expires: str | None = None

    @property
    def current(self) -> Mapping[str, Any] | None:
        return next((entry for entry in self.entries if entry["status"] == CURRENT), None)

    @property
    def there(self) -> tuple[Mapping[str, Any], ...]:
        """The entries of releases whose files are there."""
        return tuple(entry for entry in self.entries if entry["status"] in THERE)

    def entry(self, release: str) -> Mapping[str, Any] | None:
        return next((entry for entry in self.entries if entry["id"] == release), None)


def parse(data: bytes, version: str, uri: str) -> Index:
    """Read ``releases.json``; E619 if it is not one."""
    try:
        found = json.loads(data)
        entries = tuple(found["releases"])
        for entry in entries:
            age(entry)
            _ = int(entry["bytes"]), dict(entry["rows"]), [n["text"] for n in entry["notices"]]
            if not isinstance(entry["id"] + entry["status"] + entry["sha256"], str):
                raise TypeError("entry")
        number, expires = stamp(found)
        line = str(found["register"]), str(found["policy"])
        return Index(*line, entries, version, number, expires)
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        raise ReleaseError("E619", uri=uri, path=RELEASES, why=type(why).__name__) from why


def stamp(told: Mapping[str, Any]) -> tuple[int, str | None]:
    """Version and expiry of a pointer: 0 and None where it has none. Raises ValueError."""
    number, expires = told.get("version", 0), told.get("expires")
    if type(number) is not int or number < 0:
        raise ValueError("version")
    if expires is not None and datetime.fromisoformat(expires).tzinfo is None:
        raise ValueError("expires")
    return number, expires


def add(index: Index, candidate: Candidate) -> Index:
    """The index with a release that is new to it.

    It becomes current unless the current one has a later cut-off: then it is listed as superseded.
    """
    entry = {
        "id": candidate.release,
        "status": SUPERSEDED,
        "cutoff": to_utc(candidate.cutoff),
        "rows": dict(candidate.rows),
        "bytes": candidate.bytes,
        "sha256": candidate.sha256sums,
        "corrects": candidate.corrects,
        "notices": [],
    }
    current = index.current
    ordered = sorted((entry, *index.entries), key=age, reverse=True)  # of equals, the new first
    added = replace(index, entries=tuple(ordered))
    if current is not None and age(current) > age(entry):
        return added
    return make_current(added, candidate.release)


def make_current(index: Index, release: str) -> Index:
    """The index with a release that is there as its current one."""

    def turned(entry: Mapping[str, Any]) -> Mapping[str, Any]:
        if entry["id"] == release:
            return {**entry, "status": CURRENT}
        return {**entry, "status": SUPERSEDED} if entry["status"] == CURRENT else entry

    return replace(index, entries=tuple(map(turned, index.entries)))


def change(index: Index, release: str, **members: Any) -> Index:
    """The index with other members of one entry."""
    return replace(
        index,
        entries=tuple({**e, **members} if e["id"] == release else e for e in index.entries),
    )


def releases_json(index: Index) -> bytes:
    """The bytes of ``releases.json``."""
    return _json(index, {"releases": list(index.entries)})


def latest_json(index: Index) -> bytes | None:
    """The bytes of ``latest.json``, None where no release is current."""
    return None if index.current is None else _json(index, index.current)


def notices_json(index: Index) -> bytes | None:
    """The bytes of ``notices.json``, None where no release ever had a notice."""
    notices = [{"release": e["id"], **n} for e in index.entries for n in e["notices"]]
    return _json(index, {"notices": notices}) if notices else None


def written(index: Index) -> dict[str, bytes | None]:
    """All pointers by path, in the order of POINTERS; None is one that is not there."""
    return {
        RELEASES: releases_json(index),
        NOTICES: notices_json(index),
        LATEST: latest_json(index),
    }


def age(entry: Mapping[str, Any]) -> float:
    """An entry's cut-off as seconds, for ordering."""
    when = datetime.fromisoformat(entry["cutoff"])
    if when.tzinfo is None:
        raise ValueError("a cut-off without zone")
    return when.timestamp()


def _json(index: Index, content: Mapping[str, Any]) -> bytes:
    head = {"register": index.register, "policy": index.policy}
    sealed = {"version": index.number, "expires": index.expires}
    return to_json({**head, **sealed, **content}).encode()
