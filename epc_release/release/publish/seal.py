"""What makes pointers believable: a version that grows, an expiry, and a signature.

A pointer's signature stands in ``signatures/<sha256 of the pointer>.<key id>.minisig``, which is
there before the pointer itself: whoever reads a pointer finds its signature, at every moment. For
those who check with minisign alone a copy follows, ``<pointer>.minisig``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.manifests.minisign import SUFFIX, FormatError, PublicKey, SecretKey, Signature
from epc_release.release.config import EXPIRY_DAYS
from epc_release.release.publish import pointers
from epc_release.release.publish.pointers import Index
from epc_release.release.publish.stores import Store

SIGNATURES = "signatures/"


@dataclass(frozen=True)
class Seal:
    """Until when the pointers written now are valid (whole days), and who signs them, if anybody.

    ``now`` is the one reading of the clock that a command makes.
    """

    now: datetime
    days: int = EXPIRY_DAYS
    key: SecretKey | None = None

    @property
    def expires(self) -> str:
        end = self.now.astimezone(UTC) + timedelta(days=self.days)
        return to_utc(end.replace(hour=0, minute=0, second=0, microsecond=0))

    @property
    def key_id(self) -> str | None:
        return self.key.public.key_id if self.key else None

    def renews(self, index: Index) -> bool:
        """Whether pointers written now would be valid for longer."""
        return index.expires is None or index.expires < self.expires

    def stamped(self, index: Index, least: int) -> Index:
        """The index as it is written next; ``least`` is a version that it must exceed."""
        number = max(index.number, least) + 1
        return replace(index, number=number, expires=self.expires)

    def sign(self, path: str, data: bytes, index: Index) -> bytes:
        """The signature of a pointer. The key must be there."""
        if self.key is None:
            raise ValueError("no key")
        line = f"register:{index.register} policy:{index.policy}"
        return self.key.sign(data, f"file:{path} version:{index.number} {line}")


def signature_path(data: bytes, key: PublicKey) -> str:
    """Where the signature of a pointer's bytes by a key stands."""
    return f"{SIGNATURES}{hashlib.sha256(data).hexdigest()}.{key.key_id}{SUFFIX}"


def check_key(store: Store, seal: Seal) -> None:
    """A place that is signed stays signed, by the same key. Raises E431 and E432."""
    stored = store.read(f"{pointers.RELEASES}{SUFFIX}")
    if stored is None:
        return
    if seal.key is None:
        raise ReleaseError("E431", uri=store.uri)
    try:
        known = Signature.parse(stored[0])
    except FormatError:
        return  # damaged: it is written again
    if known.id != seal.key.public.id:
        raise ReleaseError("E432", uri=store.uri, known=known.key_id, given=seal.key_id)


def sealed(store: Store, index: Index, seal: Seal) -> bool:
    """Whether the pointers at a place need neither renewal nor signatures."""
    if seal.renews(index):
        return False
    if seal.key is None:
        return True
    for path, data in pointers.written(index).items():
        if data is not None:
            signature = seal.sign(path, data, index)
            for place in (signature_path(data, seal.key.public), f"{path}{SUFFIX}"):
                stored = store.read(place)
                if stored is None or stored[0] != signature:
                    return False
    return True
