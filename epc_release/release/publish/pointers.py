"""``releases.json`` and ``latest.json``: what a place has published. Pure; no clock.

``releases.json`` is {register, policy, releases: [entry]}, newest cut-off first; ``latest.json``
is {register, policy} with the current entry's members. An entry is {id, status, cutoff, rows,
bytes, sha256, corrects, notices}: ``sha256`` is of the release's SHA256SUMS, ``bytes`` of all its
files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.release.publish.candidate import Candidate

RELEASES, LATEST = "releases.json", "latest.json"
CURRENT, SUPERSEDED = "current", "superseded"


@dataclass(frozen=True)
class Index:
    """The releases of one line; ``entries`` in the order of ``releases.json``, at most one current.

    ``version`` is that of the stored object, None where there is none yet.
    """

    register: str
    policy: str
    entries: tuple[Mapping[str, Any], ...] = ()
    version: str | None = None

    @property
    def current(self) -> Mapping[str, Any] | None:
        return next((entry for entry in self.entries if entry["status"] == CURRENT), None)

    def entry(self, release: str) -> Mapping[str, Any] | None:
        return next((entry for entry in self.entries if entry["id"] == release), None)


def parse(data: bytes, version: str, uri: str) -> Index:
    """Read ``releases.json``; E619 if it is not one."""
    try:
        found = json.loads(data)
        entries = tuple(found["releases"])
        for entry in entries:
            _age(entry)
            if not isinstance(entry["id"] + entry["status"] + entry["sha256"], str):
                raise TypeError("entry")
        return Index(str(found["register"]), str(found["policy"]), entries, version)
    except (ValueError, KeyError, TypeError) as why:
        raise ReleaseError("E619", uri=uri, path=RELEASES, why=type(why).__name__) from why


def add(index: Index, candidate: Candidate) -> Index:
    """The index with a release that is new to it.

    It becomes current unless the current one has a later cut-off: then it is listed as superseded.
    """
    entry = {
        "id": candidate.release,
        "status": CURRENT,
        "cutoff": to_utc(candidate.cutoff),
        "rows": dict(candidate.rows),
        "bytes": candidate.bytes,
        "sha256": candidate.sha256sums,
        "corrects": candidate.corrects,
        "notices": [],
    }
    current, others = index.current, index.entries
    if current is not None and _age(current) > _age(entry):
        entry["status"] = SUPERSEDED
    else:
        others = tuple(
            {**other, "status": SUPERSEDED} if other is current else other for other in others
        )
    ordered = sorted((entry, *others), key=_age, reverse=True)  # stable: of equals, the new first
    return replace(index, entries=tuple(ordered))


def releases_json(index: Index) -> bytes:
    """The bytes of ``releases.json``."""
    return _json(
        {"register": index.register, "policy": index.policy, "releases": list(index.entries)}
    )


def latest_json(index: Index) -> bytes | None:
    """The bytes of ``latest.json``, None where no release is current."""
    if index.current is None:
        return None
    return _json({"register": index.register, "policy": index.policy, **index.current})


def _age(entry: Mapping[str, Any]) -> float:
    when = datetime.fromisoformat(entry["cutoff"])
    if when.tzinfo is None:
        raise ValueError("a cut-off without zone")
    return when.timestamp()


def _json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
