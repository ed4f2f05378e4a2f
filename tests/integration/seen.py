"""What a reader sees at a place."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.conftest import Place


def pointer(place: Place, name: str) -> Any:
    """``latest.json`` or another pointer, None if there is none."""
    found = place.store().read(name)
    return None if found is None else json.loads(found[0])


def current(place: Place) -> str | None:
    """The id that ``latest.json`` names."""
    latest = pointer(place, "latest.json")
    return None if latest is None else str(latest["id"])


def whole(place: Place, release: str, sha256sums: str | None = None) -> bool:
    """Whether every file that SHA256SUMS names is there, and nothing else, read byte for byte."""
    store = place.store()
    sums = store.read(f"{release}/SHA256SUMS")
    if sums is None:
        return False
    lines = [line.split("  ") for line in sums[0].decode().splitlines()]
    expected = {path: sha256 for sha256, path in lines}
    expected["SHA256SUMS"] = sha256sums or hashlib.sha256(sums[0]).hexdigest()
    found = {}
    for info in store.list(f"{release}/"):
        with store.open(info.path) as file:
            data = file.read()
        found[info.path.removeprefix(f"{release}/")] = hashlib.sha256(data).hexdigest()
    return found == expected


def listed_whole(place: Place) -> bool:
    """Whether all releases that ``releases.json`` lists and ``latest.json`` names are whole."""
    index, latest = pointer(place, "releases.json"), pointer(place, "latest.json")
    entries = [*(index["releases"] if index else ()), *([latest] if latest else ())]
    return all(whole(place, entry["id"], entry["sha256"]) for entry in entries)
