"""Approvals of releases: a second identity signs exactly the checksums of what is staged.

``.approvals/<release>/<key id>.minisig`` is a signature of the release's SHA256SUMS whose trusted
comment says that it approves, who does, and when. minisign checks it; nobody can move it to other
bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.manifests.minisign import (
    SUFFIX,
    FormatError,
    PublicKey,
    SecretKey,
    Signature,
    WrongSignatureError,
)
from epc_release.release.publish import headers
from epc_release.release.publish.staged import Staged
from epc_release.release.publish.stores import Store

_FOLDER = ".approvals/"


def approve(store: Store, staged: Staged, key: SecretKey, by: str, now: datetime) -> str:
    """Put the approval beside the release; where it stands.

    Raises E433 where the release is not signed, E436 where this key built or published it.
    """
    if staged.signature is None:
        raise ReleaseError("E433", what=f"release {staged.candidate.release}", uri=store.uri)
    if built_by(staged, key.public):
        raise ReleaseError("E436", release=staged.candidate.release, key=key.public.key_id)
    head = _head(staged)
    data = key.sign(staged.sums, f"{head} at:{to_utc(now)} by:{by}")
    path = f"{_FOLDER}{staged.candidate.release}/{key.public.key_id}{SUFFIX}"
    store.prepare()
    stored = store.read(path)
    version = stored[1] if stored else None
    store.replace(path, data, headers=headers.of_pointer(path), expected=version)
    return path


def approvals(
    store: Store, staged: Staged, approvers: Collection[PublicKey]
) -> tuple[Signature, ...]:
    """The valid approvals of a staged release by those who may give them."""
    folder = f"{_FOLDER}{staged.candidate.release}/"
    found = []
    for info in store.list(folder):
        stored = store.read(info.path)
        signature = _parsed(stored[0]) if stored else None
        if signature is not None and _holds(staged, signature, approvers):
            found.append(signature)
    return tuple(found)


def built_by(staged: Staged, key: PublicKey) -> bool:
    """Whether the release was signed with this very key, under whatever id it is shown."""
    signature = _parsed(staged.signature or b"")
    return signature is not None and (signature.id == key.id or key.made(staged.sums, signature))


def _holds(staged: Staged, signature: Signature, approvers: Collection[PublicKey]) -> bool:
    if not signature.comment.startswith(f"{_head(staged)} "):
        return False
    for key in approvers:
        try:
            key.verify(staged.sums, signature)
        except WrongSignatureError:
            continue
        return staged.signature is not None and not built_by(staged, key)
    return False


def _head(staged: Staged) -> str:
    found = staged.candidate
    return f"approves release:{found.release} register:{found.register} policy:{found.policy}"


def _parsed(data: bytes) -> Signature | None:
    try:
        return Signature.parse(data)
    except FormatError:
        return None
