"""What may be changed of what is public, planned: promote, roll back, note, prune.

A move is planned from the pointers, shown to a person, planned anew by whoever holds the place, and
only then carried out; the same command again finishes one that was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.release.progress import Progress
from epc_release.release.publish import pointers
from epc_release.release.publish.commit import commit
from epc_release.release.publish.gone import erase, left, remove
from epc_release.release.publish.permission import Rules
from epc_release.release.publish.pointers import Index
from epc_release.release.publish.protocol import Record, check_stored, make_public, told
from epc_release.release.publish.seal import Seal, check_key
from epc_release.release.publish.staged import Staged, read_staged
from epc_release.release.publish.stores import Store
from epc_release.release.publish.survey import conflict, line_index

MOST_NOTICE = 2000  # characters


@dataclass(frozen=True)
class Move:
    """One change: the pointers before and after, ``lines`` that tell a person of it.

    ``proven`` is a release whose files are read back first; ``gone`` are entries of ``after`` whose
    files are deleted last, and so is what stands below ``dropped``, which no pointer names.
    """

    action: str
    release: str
    before: Index
    after: Index
    lines: tuple[str, ...]
    proven: Staged | None = None
    gone: tuple[Mapping[str, Any], ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it does anything at all."""
        changed = self.before.entries != self.after.entries
        return changed or bool(self.gone or self.dropped or self.proven)

    def __str__(self) -> str:
        return "\n".join(self.lines)


Plan = Callable[[Store], Move]


def carry_out(store: Store, plan: Plan, seal: Seal, record: Record, progress: Progress) -> Move:
    """Hold the place, plan again, prove what is promoted, change the pointers, delete.

    Raises what ``plan`` does, E431, E432, E505, E611, E615, E50x.
    """
    check_key(store, seal)
    store.prepare()
    with store.exclusive() as hold:
        move = plan(store)
        if move.proven is not None:
            check_stored(store, move.proven.candidate, move.proven.prefix, progress)
        details = {**told(store, move.after, move.release, seal), "told": list(move.lines)}
        with record(move.action, details):
            if move.proven is not None:
                make_public(store, hold, move.release, move.before, move.after, seal)
            else:
                commit(store, hold, move.before, move.after, seal)
            for entry in move.gone:
                hold.check()
                remove(store, entry)
            hold.check()
            for prefix in move.dropped:
                erase(store, prefix)
    return move


def read_index(store: Store) -> Index:
    """What the place has published. Raises E444 where it has nothing."""
    stored = store.read(pointers.RELEASES)
    if stored is None:
        raise ReleaseError("E444", uri=store.uri)
    return pointers.parse(*stored, store.uri)


def promotion(release: str, rules: Rules) -> Plan:
    """A staged release becomes public, or one that is public becomes current."""

    def plan(store: Store) -> Move:
        _refuse_gone(store, release)
        staged = read_staged(store, release)
        index = line_index(store, staged.candidate)
        entry = index.entry(release)
        if entry is None:
            rules.check(store, release, index)
            after = pointers.add(index, staged.candidate)
        elif entry["sha256"] != staged.candidate.sha256sums:
            raise conflict(store, staged.candidate, ("SHA256SUMS",))
        else:
            after = pointers.make_current(index, release)
        lines = (f"{release} becomes public at {store.uri}",) if entry is None else ()
        return Move("promote", release, index, after, (*lines, _turn(index, after)), staged)

    return plan


def _refuse_gone(store: Store, release: str) -> None:
    if store.read(pointers.RELEASES) is None:
        return
    entry = read_index(store).entry(release)
    if entry is not None and entry["status"] not in pointers.THERE:
        why = f"it was {entry['status']}"
        raise ReleaseError("E439", uri=store.uri, release=release, why=why)


def rollback(release: str) -> Plan:
    """An older release that is there becomes current again; nothing is deleted."""

    def plan(store: Store) -> Move:
        index = read_index(store)
        entry, current = _entry(store, index, release), index.current
        if entry["status"] not in pointers.THERE:
            why = f"it was {entry['status']}"
            raise ReleaseError("E439", uri=store.uri, release=release, why=why)
        order = [each["id"] for each in index.entries]
        if current is not None and order.index(release) < order.index(current["id"]):
            why = f"it is newer than the current one, {current['id']}; promote it instead"
            raise ReleaseError("E439", uri=store.uri, release=release, why=why)
        after = pointers.make_current(index, release)
        proven = read_staged(store, release)
        return Move("rollback", release, index, after, (_turn(index, after),), proven)

    return plan


def notice(release: str, text: str, now: datetime) -> Plan:
    """A correction that everybody who looks at the release is shown. Raises E442."""
    wanted = text.strip()
    if not wanted or len(wanted) > MOST_NOTICE or not wanted.replace("\n", " ").isprintable():
        raise ReleaseError("E442", most=MOST_NOTICE)

    def plan(store: Store) -> Move:
        index = read_index(store)
        notices = list(_entry(store, index, release)["notices"])
        if not notices or notices[-1]["text"] != wanted:
            notices.append({"time": to_utc(now), "text": wanted})
        after = pointers.change(index, release, notices=notices)
        line = f"A notice is shown with {release} at {store.uri}: {wanted}"
        return Move("notice", release, index, after, (line,))

    return plan


def pruning(keep: int, why: str, now: datetime) -> Plan:
    """All but the ``keep`` newest releases are deleted, but never the current one."""

    def plan(store: Store) -> Move:
        index = after = read_index(store)
        current = index.current["id"] if index.current else None
        goes = [each["id"] for each in index.there[keep:] if each["id"] != current]
        for release in goes:
            told = {"time": to_utc(now), "why": why, "instead": current}
            after = pointers.change(after, release, status=pointers.PRUNED, gone=told)
        gone = tuple(
            entry
            for entry in after.entries
            if entry["status"] == pointers.PRUNED and left(store, entry["id"])
        )
        kept = ", ".join(entry["id"] for entry in after.there) or "none"
        ids = ", ".join(entry["id"] for entry in gone)
        lines = (f"Deleted at {store.uri}: {ids or 'nothing'}", f"Kept: {kept}")
        return Move("prune", ids, index, after, lines, gone=gone)

    return plan


def _entry(store: Store, index: Index, release: str) -> Mapping[str, Any]:
    found = index.entry(release)
    if found is None:
        known = ", ".join(entry["id"] for entry in index.entries[:5])
        raise ReleaseError("E438", uri=store.uri, release=release, known=known)
    return found


def _turn(before: Index, after: Index) -> str:
    old, new = (each.current["id"] if each.current else "none" for each in (before, after))
    return f"Current release: {new}" + ("" if old == new else f" (was {old})")
