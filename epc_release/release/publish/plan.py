"""What a publish would send, decided before anything is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from epc_release.release.publish.candidate import ReleaseFile
from epc_release.release.publish.stores import ObjectInfo


@dataclass(frozen=True)
class Plan:
    """Every file of the release is new or same; ``conflicting`` paths stand in the way.

    ``new`` keeps the order of publishing; ``bytes`` is what has to be sent. ``foreign`` are stored
    paths that the release does not have; they are conflicting too.
    """

    new: tuple[ReleaseFile, ...]
    same: tuple[ReleaseFile, ...]
    conflicting: tuple[str, ...]
    foreign: tuple[str, ...]
    bytes: int


def plan_publish(files: Iterable[ReleaseFile], existing: Mapping[str, ObjectInfo]) -> Plan:
    """Compare a release with what is stored under its id (paths relative to the release).

    An object is the same if its size and its recorded sha256 are; one without a record is
    conflicting unless the caller has filled it in (``Store.digest``).
    """
    new, same, conflicting, known = [], [], [], set()
    for file in files:
        known.add(file.path)
        stored = existing.get(file.path)
        if stored is None:
            new.append(file)
        elif (stored.bytes, stored.sha256) == (file.bytes, file.sha256):
            same.append(file)
        else:
            conflicting.append(file.path)
    foreign = sorted(set(existing) - known)
    return Plan(
        new=tuple(new),
        same=tuple(same),
        conflicting=tuple(sorted([*conflicting, *foreign])),
        foreign=tuple(foreign),
        bytes=sum(file.bytes for file in new),
    )
