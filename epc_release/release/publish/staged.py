"""A release as a place holds it, staged or public: read back, so that any command can go on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, SIGNATURE
from epc_release.release.publish.candidate import Candidate, ReleaseFile, described, parse_sums
from epc_release.release.publish.stores import Store


@dataclass(frozen=True)
class Staged:
    """A candidate whose files are in the store below ``prefix``; ``signature`` is of ``sums``."""

    candidate: Candidate
    prefix: str
    sums: bytes
    signature: bytes | None


def read_staged(store: Store, release: str) -> Staged:
    """The release of that id, by its own description and the store's listing.

    Raises E437 where nothing is staged under that id, E619 where it is another release or damaged,
    E614 where files are missing or too many.
    """
    prefix = store.staging(release)
    sizes = {info.path.removeprefix(prefix): info.bytes for info in store.list(prefix)}
    sums, descriptor = (_read(store, f"{prefix}{path}") for path in (CHECKSUMS, DESCRIPTOR))
    if sums is None or descriptor is None:
        raise ReleaseError("E437", uri=store.uri, release=release)
    signature = _read(store, f"{prefix}{SIGNATURE}")
    expected = {**parse_sums(sums, store.uri), CHECKSUMS: hashlib.sha256(sums).hexdigest()}
    if signature is not None:
        expected[SIGNATURE] = hashlib.sha256(signature).hexdigest()
    for paths, what in (
        (expected.keys() - sizes, "is missing"),
        (sizes.keys() - expected, "is not listed"),
    ):
        if paths:
            raise ReleaseError("E614", release=f"{store.uri}/{prefix}", path=min(paths), what=what)
    files = [ReleaseFile(p, sizes[p], sha256, Path(prefix, p)) for p, sha256 in expected.items()]
    found = described(descriptor, Path(prefix), expected[CHECKSUMS], files)
    if found.release != release:
        why = f"it says that it is release {found.release}"
        raise ReleaseError("E619", uri=store.uri, path=f"{prefix}{DESCRIPTOR}", why=why)
    return Staged(found, prefix, sums, signature)


def _read(store: Store, path: str) -> bytes | None:
    found = store.read(path)
    return None if found is None else found[0]
