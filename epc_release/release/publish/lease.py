"""One publisher at a time in an S3-compatible store: ``lease.json``, renewed until it is done.

Where the store keeps conditional puts, taking and renewing are compare-and-swap. Where it does
not, a taker writes, waits and reads back: a racer whose put is slower than the wait is noticed
when the first of the two renews, which every publisher does before it touches a pointer. Age is
told by the store's own clock (Date against Last-Modified), so clocks need not agree.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from epc_release.errors import ReleaseError
from epc_release.release.publish import liveness
from epc_release.release.publish.bodies import UnreadableError, fetch
from epc_release.release.publish.probe import Capabilities
from epc_release.release.publish.s3_errors import mapped, status

LEASE = "lease.json"
TTL = 120.0  # seconds
SETTLE = 2.0  # seconds


@dataclass(frozen=True)
class _Seen:
    owner: str
    version: str  # ETag
    left: float  # seconds
    process: liveness.Process

    @property
    def dead(self) -> bool:
        """Whether it has run out, or its publisher is proven to be gone."""
        return self.left <= 0 or self.process.is_dead()


class Lease:
    """A lease of ``ttl`` seconds on a prefix; ``settle`` seconds are waited without swap."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str,
        can: Capabilities,
        *,
        ttl: float = TTL,
        settle: float | None = None,
    ) -> None:
        self._client, self._bucket = client, bucket
        self._target = {"Bucket": bucket, "Key": f"{prefix}{LEASE}"}
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._swap = can.create and can.swap
        self._ttl, self._settle = ttl, SETTLE if settle is None else settle
        self._owner = secrets.token_hex(16)
        self._process = liveness.this_process()
        self._version = ""
        self._guard = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[Lease]:
        """Take the lease, keep it while the block runs, give it back; E611 if another has it."""
        with mapped(self.uri, self._bucket, LEASE):
            self._take()
        done = threading.Event()
        beat = threading.Thread(target=self._keep, args=(done,), name="lease", daemon=True)
        beat.start()
        try:
            yield self
        finally:
            done.set()
            beat.join()
            with suppress(ClientError, BotoCoreError, ReleaseError):
                self._give_back()

    def check(self) -> None:
        """Renew; E611 if another has taken the lease over."""
        with self._guard, mapped(self.uri, self._bucket, LEASE):
            seen = self._look()
            if seen is None or seen.owner != self._owner or not self._write(self._version):
                raise self._taken(seen)

    def unlock(self) -> bool:
        """Remove the lease of a dead publisher: True; False if there is none; E620 if it lives.

        It is taken over first, so that an owner who is alive after all notices it.
        """
        with mapped(self.uri, self._bucket, LEASE):
            seen = self._look()
            if seen is None:
                return False
            if not seen.dead or not self._write(seen.version):
                raise ReleaseError("E620", uri=self.uri, left=f"{max(seen.left, 0):.0f} s left")
            self._give_back()
        return True

    def _give_back(self) -> None:
        seen = self._look()
        if seen is not None and seen.owner == self._owner:
            self._client.delete_object(**self._target)

    def _take(self) -> None:
        seen = self._look()
        if seen is not None and seen.left > 0:
            raise self._taken(seen)
        if not self._write(seen.version if seen else ""):
            raise self._taken(self._look())
        if not self._swap:
            time.sleep(self._settle)
            seen = self._look()
            if seen is None or seen.owner != self._owner:
                raise self._taken(seen)

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(self._ttl / 4):
            try:
                self.check()
            except ReleaseError as error:
                if error.problem.code == "E611":
                    return  # the publisher's own check, before the pointers, says so too

    def _look(self) -> _Seen | None:
        try:
            data, answer = fetch(self._client, self._target)
        except UnreadableError as why:
            raise ReleaseError("E508", uri=self.uri, path=LEASE) from why
        except ClientError as error:
            if status(error) == 404 and error.response["Error"].get("Code") != "NoSuchBucket":
                return None
            raise
        lease = _read(data)
        sent = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        now = parsedate_to_datetime(sent).timestamp() if sent else time.time()
        ttl = lease.get("ttl", self._ttl)
        left = float(ttl if isinstance(ttl, int | float) else self._ttl)
        left -= now - answer["LastModified"].timestamp()
        return _Seen(str(lease.get("owner", "")), answer["ETag"], left, liveness.parse(lease))

    def _write(self, version: str) -> bool:
        """Write our lease over that version ("" for none); False if it was another one."""
        lease = {
            "owner": self._owner,
            "ttl": self._ttl,
            "renewal": secrets.token_hex(4),
            **asdict(self._process),
        }
        data = json.dumps(lease).encode()
        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        try:
            answer = self._client.put_object(
                **self._target,
                Body=data,
                Metadata={"sha256": hashlib.sha256(data).hexdigest()},
                ContentType="application/json",
                CacheControl="no-store",
                **(condition if self._swap else {}),
            )
        except ClientError as error:
            if status(error) not in (404, 409, 412):
                raise
            seen = self._look()  # a put whose answer was lost is refused when it is repeated
            if seen is None or seen.owner != self._owner:
                return False
            self._version = seen.version
        else:
            self._version = answer["ETag"]
        return True

    def _taken(self, seen: _Seen | None) -> ReleaseError:
        left = f"{max(seen.left, 0):.0f} s left" if seen else "it was quicker"
        return ReleaseError("E611", uri=self.uri, left=left)


def _read(data: bytes) -> dict[str, Any]:
    """What a lease says; one that cannot be read still has its age."""
    try:
        lease = json.loads(data)
    except ValueError:
        return {}
    return lease if isinstance(lease, dict) else {}
