"""The plan of a withdrawal: which releases leave a place, why, and what is current afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.manifests.layout import CHECKSUMS
from epc_release.release.publish import pointers
from epc_release.release.publish.gone import STAGING, left, old_versions
from epc_release.release.publish.moves import Move, Plan
from epc_release.release.publish.pointers import CORRECTED, WITHDRAWN, Index
from epc_release.release.publish.reader import open_reader
from epc_release.release.publish.seal import SIGNATURES
from epc_release.release.publish.stores import Store
from epc_release.release.told import read_told
from epc_release.release.withdraw.search import Found, search
from epc_release.release.withdraw.sought import Sought

# Public, and the same for every release: they say neither which record it was nor what was in it.
WHY = {
    WITHDRAWN: "It held records that are withdrawn from publication.",
    CORRECTED: "Its lists of changes began at a release that is withdrawn.",
}
# A release that lacks a file or contradicts itself; whatever else fails is tried again.
_DAMAGED = ("E507", "E616", "E619", "E748", "E753")


def withdrawal(sought: Sought, now: datetime) -> Plan:
    """Releases that hold one of the records, and those with changes since one of them, go.

    What was staged or left behind and holds one goes too. A release is looked into once.
    """
    looked: dict[str, Found] = {}

    def look(store: Store, prefix: str) -> Found:
        sums = store.read(f"{prefix}{CHECKSUMS}")
        seen = f"{prefix} {sums[1] if sums else None}"
        if seen not in looked:
            looked[seen] = _look(f"{store.uri}/{prefix.rstrip('/')}", sought)
        return looked[seen]

    def plan(store: Store) -> Move:
        index = _index(store, sought)
        found = {entry["id"]: look(store, f"{entry['id']}/") for entry in index.there}
        goes = _goes(index, found)
        after = _without(index, goes, now)
        gone = tuple(
            entry
            for entry in after.entries
            if entry["status"] in WHY and (left(store, entry["id"]) or old_versions(store, entry))
        )
        unnamed, beside = _unnamed(store, index)
        bad = [prefix for prefix in unnamed if look(store, prefix).affected]
        dropped = (*bad, *(p for prefix in bad for p in beside.get(prefix, ())))
        lines = tuple(_lines(store, index, after, goes, found, dropped))
        ids = ", ".join(entry["id"] for entry in gone)
        return Move("withdraw", ids, index, after, lines, gone=gone, dropped=dropped)

    return plan


def published_under(store: Store) -> str | None:
    """The policy of what a place has published."""
    stored = store.read(pointers.RELEASES)
    return None if stored is None else pointers.parse(*stored, store.uri).policy


def _look(place: str, sought: Sought) -> Found:
    try:
        reader = open_reader(place)
        return search(reader, read_told(reader, place), sought)
    except ReleaseError as error:
        if error.problem.code not in _DAMAGED:
            raise
        return Found(unknown=("all",) if sought.keys else ())


def _index(store: Store, sought: Sought) -> Index:
    """What the place has published, perhaps nothing; E612 where that is another line."""
    stored = store.read(pointers.RELEASES)
    line = (sought.register.name, sought.policy.name)
    if stored is None:
        return Index(*line)
    index = pointers.parse(*stored, store.uri)
    if (index.register, index.policy) != line:
        told = {"register": index.register, "policy": index.policy}
        raise ReleaseError("E612", uri=store.uri, **told, new_register=line[0], new_policy=line[1])
    return index


def _goes(index: Index, found: Mapping[str, Found]) -> dict[str, str]:
    """The status of every release that goes: one list may lead from another, and to a third."""
    goes = {release: WITHDRAWN for release, each in found.items() if each.affected}
    bases = {entry["id"] for entry in index.entries if entry["status"] == WITHDRAWN} | {*goes}
    for release, each in found.items():
        if release not in goes and each.since & bases:
            goes[release] = CORRECTED
    return goes


def _without(index: Index, goes: Mapping[str, str], now: datetime) -> Index:
    """The index without the releases that go; the newest of the others is current, if any is."""
    stays = [entry["id"] for entry in index.there if entry["id"] not in goes]
    current = index.current["id"] if index.current else None
    wanted = current if current in stays else next(iter(stays), None)
    after = index
    for release, status in goes.items():
        told = {"time": to_utc(now), "why": WHY[status], "instead": wanted}
        after = pointers.change(after, release, status=status, gone=told)
    return after if wanted is None or wanted == current else pointers.make_current(after, wanted)


def _unnamed(store: Store, index: Index) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Prefixes of whole releases that no pointer names: staged, or left by a publisher that died.

    Beside a staged one, the prefix of what was copied of it to its public place already.
    """
    known = {entry["id"] for entry in index.entries}
    paths = {info.path for info in store.list()}
    whole = [path.removesuffix(CHECKSUMS) for path in sorted(paths) if path.endswith(CHECKSUMS)]
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    unnamed: list[str] = []
    beside: dict[str, tuple[str, ...]] = {}
    for prefix in whole:
        top = prefix.partition("/")[0]
        if top in known or prefix.startswith(SIGNATURES):
            continue
        if top.startswith(STAGING):
            release = top.removeprefix(STAGING)
            unnamed.append(prefix)
            if release in tops - known:
                beside[prefix] = (f"{release}/",)
        elif prefix == f"{top}/" and not top.startswith("."):
            unnamed.append(prefix)
    return unnamed, beside


def _lines(
    store: Store,
    before: Index,
    after: Index,
    goes: Mapping[str, str],
    found: Mapping[str, Found],
    dropped: tuple[str, ...],
) -> Iterator[str]:
    """For a person, and for the operations log: no key and no count of one."""
    for release, status in goes.items():
        why = "cannot be looked into" if found[release].unknown else "holds withdrawn records"
        if status == CORRECTED:
            why = "lists what changed since a release that goes"
        yield f"{release} {why}: it is deleted at {store.uri}"
    again = [e["id"] for e in after.entries if e["status"] in WHY and e["id"] not in goes]
    if again:
        yield f"Gone before: {', '.join(again)}"
    for prefix in dropped:
        yield f"{prefix} is named by no pointer and holds withdrawn records: it is deleted"
    if not goes and not dropped:
        yield f"Nothing at {store.uri} holds a withdrawn record"
    old, new = (each.current["id"] if each.current else "none" for each in (before, after))
    yield f"Current release: {new}" + ("" if old == new else f" (was {old})")
