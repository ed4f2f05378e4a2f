"""The one place where pointers are changed: signatures, then pointers, ``latest.json`` last.

Whoever commits holds the place. Killed at any step, readers see the old pointers or the new ones,
each with its signature; the next commit writes what is missing.
"""

from __future__ import annotations

import json

from epc_release.errors import ReleaseError
from epc_release.manifests.minisign import SUFFIX
from epc_release.release.publish import headers, pointers
from epc_release.release.publish.pointers import Index
from epc_release.release.publish.seal import SIGNATURES, Seal, signature_path
from epc_release.release.publish.stores import Hold, Store


def commit(store: Store, hold: Hold, before: Index, after: Index, seal: Seal) -> Index:
    """Write the pointers of ``after`` over those of ``before``; the index as it stands then.

    The version grows where anything changes or the expiry moves. Raises E611, E615, E50x.
    """
    hold.check()
    stored = {path: store.read(path) for path in pointers.POINTERS}
    if after.entries != before.entries or seal.renews(before):
        after = seal.stamped(after, _version(stored[pointers.LATEST]))
    wanted = pointers.written(after)
    signed = _sign(store, after, wanted, seal)
    for path, data in wanted.items():
        old, version = stored[path] or (None, None)
        if data is None:
            _remove(store, path)
        elif old != data:
            _replace(store, path, data, version)
    for path, signature in signed.items():
        _copy(store, f"{path}{SUFFIX}", signature)
    _forget(store, {path: found[0] for path, found in stored.items() if found}, wanted, seal)
    return after


def _version(latest: tuple[bytes, str] | None) -> int:
    """The version that readers of ``latest.json`` have seen; 0 where it is damaged."""
    try:
        return pointers.stamp(json.loads(latest[0]))[0] if latest else 0
    except (ValueError, TypeError, AttributeError):
        return 0


def _sign(
    store: Store, index: Index, wanted: dict[str, bytes | None], seal: Seal
) -> dict[str, bytes]:
    """Put the signature of every pointer where readers look for it; signatures by pointer."""
    made = {}
    for path, data in wanted.items():
        if data is not None and seal.key is not None:
            made[path] = seal.sign(path, data, index)
            place = signature_path(data, seal.key.public)
            if store.head(place) is None:
                _replace(store, place, made[path], None)
    return made


def _copy(store: Store, path: str, data: bytes) -> None:
    stored = store.read(path)
    if stored is None or stored[0] != data:
        _replace(store, path, data, stored[1] if stored else None)


def _replace(store: Store, path: str, data: bytes, version: str | None) -> None:
    store.replace(path, data, headers=headers.of_pointer(path), expected=version)
    stored = store.read(path)
    if stored is None or stored[0] != data:
        raise ReleaseError("E615", uri=store.uri, path=path)


def _remove(store: Store, path: str) -> None:
    for each in (path, f"{path}{SUFFIX}"):
        if store.head(each) is not None:
            store.delete(each)


def _forget(store: Store, old: dict[str, bytes], new: dict[str, bytes | None], seal: Seal) -> None:
    """Drop signatures of pointers before the last ones, which a reader may still be checking."""
    if seal.key is None:
        return
    kept = {
        signature_path(data, seal.key.public)
        for data in (*old.values(), *new.values())
        if data is not None
    }
    for info in store.list(SIGNATURES):
        if info.path not in kept:
            store.delete(info.path)
