"""Who published what is fetched: looked at before anything is downloaded, remembered afterwards.

The bytes that are checked are those that are kept: a server that answers twice cannot show signed
checksums to the one who verifies and others to the one who downloads.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import SIGNATURE
from epc_release.manifests.minisign import PublicKey
from epc_release.manifests.reader import Reader
from epc_release.release.publish import memory, origin
from epc_release.release.publish.reader import open_reader
from epc_release.release.told import Told


@dataclass(frozen=True)
class Trust:
    """Whom a reader trusts: public keys (any of them may have signed), the oldest cut-off that is
    accepted, and the file that remembers the newest version of each place."""

    keys: tuple[PublicKey, ...] = ()
    not_older_than: datetime | None = None
    seen: Path | None = None


NOBODY = Trust()


@dataclass(frozen=True)
class Proven:
    """What is known of the origin, in words; ``signature`` is what was verified, if anything was.

    ``version`` is that of the place, None where it was not told.
    """

    told: str
    place: str
    signature: bytes | None
    version: int | None

    def remember(self, trust: Trust) -> None:
        """Keep the version of the place, so that an older one is noticed."""
        if trust.seen is not None and self.version is not None:
            memory.remember(trust.seen, self.place, self.version)


def prove(reader: Reader, told: Told, trust: Trust) -> Proven:
    """Check who published a release and whether it is theirs now.

    Raises E453 where somebody else did, it was taken back, or an old state is shown; E619 and what
    the store raises.
    """
    place = origin.parent(told.place)
    signature = origin.get(reader, SIGNATURE) if trust.keys else None
    held = {**told.raw, **({SIGNATURE: signature} if signature is not None else {})}
    found = origin.verify_origin(
        _Held(reader, held),
        lambda: open_reader(place),
        origin.Expected(
            trust.keys,
            datetime.now(UTC),
            trust.not_older_than,
            memory.recall(trust.seen, place) if trust.seen else None,
        ),
        remote="://" in told.place,
    )
    if found.findings:
        first, *others = found.findings
        more = f" (and {len(others)} more)" if others else ""
        raise ReleaseError("E453", place=told.place, why=first, more=more)
    return Proven(found.told, place, signature, found.version)


@dataclass(frozen=True)
class _Held:
    """A release of which some files are held already: these bytes, whatever is served now."""

    reader: Reader
    held: Mapping[str, bytes]

    def list(self) -> list[str]:
        return self.reader.list()

    def size(self, path: str) -> int:
        return len(self.held[path]) if path in self.held else self.reader.size(path)

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self.held[path]) if path in self.held else self.reader.open(path)
