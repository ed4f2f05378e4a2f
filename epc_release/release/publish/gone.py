"""What is left of a release that is gone: a stub that says why, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epc_release.manifests.canonical import to_json
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR
from epc_release.release.publish import headers, pointers
from epc_release.release.publish.parallel import each
from epc_release.release.publish.stores import Store
from epc_release.release.publish.survey import WORKERS

STUB = "gone.json"
STAGING = ".staging-"
_FIRST = (CHECKSUMS, DESCRIPTOR)  # whoever has not begun to read does not begin


def stub(entry: Mapping[str, Any]) -> bytes:
    """``<id>/gone.json``: {id, status, time, why, instead}."""
    return to_json({"id": entry["id"], "status": entry["status"], **entry["gone"]}).encode()


def left(store: Store, release: str) -> list[str]:
    """Paths of what is still there of a release, its stub aside."""
    return [i.path for i in store.list(f"{release}/") if i.path != f"{release}/{STUB}"]


def old_versions(store: Store, entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the store still keeps of a release that nobody may have any more, staged or public; of
    a pruned one none is looked for: a bucket may keep versions on purpose.
    """
    if entry["status"] not in (pointers.WITHDRAWN, pointers.CORRECTED):
        return []
    prefixes = (f"{entry['id']}/", f"{STAGING}{entry['id']}/")
    return [version for prefix in prefixes for version in store.versions(prefix)]


def remove(store: Store, entry: Mapping[str, Any]) -> int:
    """Put the stub and delete the rest; the number of objects deleted.

    ``entry`` is that of ``releases.json``, which says already that the release is gone. The same
    call goes on where another one stopped.
    """
    path, data = f"{entry['id']}/{STUB}", stub(entry)
    stored = store.read(path)
    if stored is None or stored[0] != data:
        version = stored[1] if stored else None
        store.replace(path, data, headers=headers.of_pointer(path), expected=version)
    paths = left(store, entry["id"])
    first = [f"{entry['id']}/{name}" for name in _FIRST]
    for name in first:
        store.delete(name)
    each(store.delete, [found for found in paths if found not in first], WORKERS)
    each(lambda one: store.delete_version(*one), old_versions(store, entry), WORKERS)
    return len(paths)


def erase(store: Store, prefix: str) -> None:
    """Delete all below a prefix that no pointer names, and what versions are kept of it; the
    checksums last, so that one that was interrupted is still known for a release.
    """
    paths = [info.path for info in store.list(prefix)]
    last = [path for path in paths if path.endswith(f"/{CHECKSUMS}")]
    each(store.delete, [path for path in paths if path not in last], WORKERS)
    each(store.delete, last, WORKERS)
    each(lambda one: store.delete_version(*one), store.versions(prefix), WORKERS)
