"""From staging to public within a bucket: copied by the store, proven, the checksums last.

What is staged lies under ``.staging-<id>/``, which the bucket policy of ``doctor`` leaves private.
``<id>/SHA256SUMS`` comes last: where it is, the release is public, and what is still staged of it
is only in the way. Whoever promotes holds the lease.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR
from epc_release.release.publish.candidate import parse_sums
from epc_release.release.publish.gone import STAGING
from epc_release.release.publish.parallel import each

if TYPE_CHECKING:
    from epc_release.release.publish.s3 import S3Store

TRIALS = (".probe-", ".analyse-")
_ABANDONED = 86_400.0  # seconds, by two clocks
_WORKERS = 8


def staging(store: S3Store, release: str) -> str:
    """Where a release's objects go: to their public place only once it is whole."""
    public = f"{release}/"
    return f"{STAGING}{public}" if store.head(f"{public}{CHECKSUMS}") is None else public


def promote(store: S3Store, release: str) -> None:
    """Make what is staged public; the same call goes on where another one stopped.

    E610 if another object stands at the public place, E505 if a copy is not as it should be.
    """
    source, public = staging(store, release), f"{release}/"
    if source != public:
        expected = _expected(store, source)
        allowed = {f"{public}{path}" for path in expected}
        foreign = {info.path for info in store.list(public)} - allowed
        if foreign:
            raise ReleaseError("E610", uri=store.uri, release=release, paths=min(foreign))

        def publish(path: str) -> None:
            _publish(store, f"{source}{path}", f"{public}{path}", expected[path])

        last = sorted(filter(_is_last, expected), key=lambda path: (path != DESCRIPTOR, -len(path)))
        each(publish, [path for path in expected if path not in last], _WORKERS)
        for path in last:
            publish(path)
    _clear(store, release)


def _is_last(path: str) -> bool:
    return path == DESCRIPTOR or path.startswith(CHECKSUMS)


def _expected(store: S3Store, source: str) -> dict[str, str]:
    """sha256 by path: what SHA256SUMS names, itself, and what else is staged (a signature)."""
    sums = store.read(f"{source}{CHECKSUMS}")
    if sums is None:
        raise ReleaseError("E507", uri=store.uri, path=f"{source}{CHECKSUMS}")
    expected = parse_sums(sums[0], store.uri)
    expected[CHECKSUMS] = hashlib.sha256(sums[0]).hexdigest()
    for info in store.list(source):
        path = info.path.removeprefix(source)
        if path not in expected:
            expected[path] = store.digest(info.path)
    return expected


def _publish(store: S3Store, staged: str, there: str, sha256: str) -> None:
    """Copy one object unless one stands there (a list may be stale), and prove what is there."""
    standing = store.head(there) is not None
    if not standing:
        store.copy(staged, there)
    if store.digest(there) == sha256:
        return
    if standing:
        raise ReleaseError("E610", uri=store.uri, release=there.partition("/")[0], paths=there)
    store.delete(there)
    raise ReleaseError("E505", uri=store.uri, path=there)


def _clear(store: S3Store, release: str) -> None:
    """Remove what publishers that died have left: what is staged of releases that are public,
    trials that nobody makes any more, and unfinished uploads of this release.
    """
    left: dict[str, list[str]] = {}
    for info in store.list("."):
        left.setdefault(info.path.partition("/")[0], []).append(info.path)
        if info.path.startswith(TRIALS) and time.time() - (info.modified or 0) > _ABANDONED:
            store.delete(info.path)
    for top, paths in left.items():
        name = top.removeprefix(STAGING)
        if name != top and (name == release or store.head(f"{name}/{CHECKSUMS}") is not None):
            each(store.delete, paths, _WORKERS)
    with suppress(ReleaseError):  # some stores cannot list them; nobody reads them
        for prefix in (f"{STAGING}{release}/", f"{release}/"):
            store.abort_pending(prefix)
