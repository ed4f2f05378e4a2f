"""An S3-compatible store: whole objects or parts, checked by the store or read back."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from epc_release.errors import ReleaseError
from epc_release.release.publish import credentials, multipart, promotion
from epc_release.release.publish.bodies import ATTEMPTS
from epc_release.release.publish.copying import copy
from epc_release.release.publish.lease import Lease
from epc_release.release.publish.probe import probe
from epc_release.release.publish.resume import abort_pending
from epc_release.release.publish.s3_errors import status
from epc_release.release.publish.s3_objects import S3Objects
from epc_release.release.publish.stores import Headers, Sent

_REQUESTS = 6  # of one kind before giving up, with growing pauses
_IN_MEMORY = 8  # bodies of at most one part each


def connect() -> Any:
    """A client as boto3's settings say (``AWS_*``, profiles, roles), with standard retries.

    Credentials that end on the way are looked up anew.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _REQUESTS},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=40,
    )
    try:
        session = credentials.session()
        client = session.client("s3", config=config)
        credentials.renew_when_expired(client, session.get_credentials())
    except (BotoCoreError, ValueError) as why:
        raise ReleaseError("E617", uri="s3://", why=f"boto3 says: {why}") from why
    return client


class S3Store(S3Objects):
    """A bucket's prefix to publish to; ``can`` is what ``prepare`` has found out."""

    def __init__(
        self, client: Any, bucket: str, prefix: str = "", part_bytes: int = multipart.PART_BYTES
    ) -> None:
        super().__init__(client, bucket, prefix)
        self.part_bytes = part_bytes
        self._slots = threading.BoundedSemaphore(_IN_MEMORY)

    def prepare(self) -> None:
        with self.mapped():
            self.client.head_bucket(Bucket=self.bucket)
            self.can = probe(self.client, self.bucket, self.prefix)

    @contextmanager
    def exclusive(self) -> Iterator[Lease]:
        with Lease(self.client, self.bucket, self.prefix, self.can).held() as lease:
            yield lease

    def unlock(self) -> bool:
        self.prepare()
        return Lease(self.client, self.bucket, self.prefix, self.can).unlock()

    def put(
        self, path: str, source: Path, *, sha256: str, headers: Headers, sent: Sent | None = None
    ) -> None:
        condition = {"IfNoneMatch": "*"} if self.can.create else {}
        size = source.stat().st_size
        if not condition and self._settled(path, size, sha256):
            return
        for attempt in range(ATTEMPTS):
            try:
                with self.mapped(path):
                    self._send(path, source, sha256, headers, condition, sent)
            except ReleaseError as error:
                answer = error.__cause__
                if not isinstance(answer, ClientError) or status(answer) not in (404, 409, 412):
                    raise
                # Refused, or its own lost answer met again: what is there decides.
                if self._settled(path, size, sha256):
                    return
                if status(answer) == 404 or attempt + 1 == ATTEMPTS:
                    raise
                time.sleep(0.2 * 2**attempt)
            else:
                return

    def replace(self, path: str, data: bytes, *, headers: Headers, expected: str | None) -> None:
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        if not (self.can.create and self.can.swap):
            condition = {}
            stored = self.read(path)
            if (stored[1] if stored else None) != expected:
                raise ReleaseError("E615", uri=self.uri, path=path)
        try:
            with self.mapped(path):
                self._put(path, data, hashlib.sha256(data).digest(), headers, condition)
        except ReleaseError as error:
            answer = error.__cause__
            if not isinstance(answer, ClientError) or status(answer) not in (404, 409, 412):
                raise
            stored = self.read(path)
            if stored is None or stored[0] != data:
                raise ReleaseError("E615", uri=self.uri, path=path) from error

    def delete(self, path: str) -> None:
        with self.mapped(path):
            self.client.delete_object(**self.target(path))

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the store, its metadata too; what stood there is replaced."""
        with self.mapped(target):
            copy(self.client, self.target(source), self.target(target), self.part_bytes)

    def abort_pending(self, prefix: str) -> int:
        """Abort the multipart uploads that were begun below ``prefix`` and not finished."""
        with self.mapped():
            return abort_pending(self.client, self.bucket, f"{self.prefix}{prefix}")

    def versions(self, prefix: str) -> tuple[tuple[str, str], ...]:
        below = {"Bucket": self.bucket, "Prefix": f"{self.prefix}{prefix}"}
        try:
            with self.mapped():
                pages = self.client.get_paginator("list_object_versions").paginate(**below)
                return tuple(
                    (entry["Key"].removeprefix(self.prefix), entry["VersionId"])
                    for page in pages
                    for kind in ("Versions", "DeleteMarkers")
                    for entry in page.get(kind, ())
                    if kind == "DeleteMarkers" or not entry["IsLatest"]
                )
        except ReleaseError as error:
            answer = error.__cause__
            if isinstance(answer, ClientError) and status(answer) in (405, 501):
                return ()  # a store that knows no versions
            raise

    def delete_version(self, path: str, version: str) -> None:
        with self.mapped(path):
            self.client.delete_object(**self.target(path), VersionId=version)

    def staging(self, release: str) -> str:
        return promotion.staging(self, release)

    def promote(self, release: str) -> None:
        promotion.promote(self, release)

    def _send(
        self,
        path: str,
        source: Path,
        sha256: str,
        headers: Headers,
        condition: dict[str, str],
        sent: Sent | None,
    ) -> None:
        if source.stat().st_size > self.part_bytes:
            parts = multipart.measure(source, self.part_bytes)
            _same(parts.sha256, sha256, source)
            upload = multipart.Upload(
                self.client, self.target(path), source, parts, self._slots, sent
            )
            recorded = {"sha256": sha256, "sha256-parts": parts.composite}
            upload.run({"Metadata": recorded, **_served(headers)}, condition, _IN_MEMORY // 2)
            return
        with self._slots:
            data = source.read_bytes()
            digest = hashlib.sha256(data)
            _same(digest.hexdigest(), sha256, source)
            self._put(path, data, digest.digest(), headers, condition)
        if sent is not None:
            sent(len(data))

    def _put(
        self, path: str, data: bytes, digest: bytes, headers: Headers, condition: dict[str, str]
    ) -> None:
        self.client.put_object(
            **self.target(path),
            Body=data,
            ChecksumSHA256=base64.b64encode(digest).decode(),
            Metadata={"sha256": digest.hex()},
            **_served(headers),
            **condition,
        )

    def _settled(self, path: str, size: int, sha256: str) -> bool:
        """Whether this very file is there already; E610 if another is."""
        stored = self.head(path)
        if stored is not None and (stored.bytes, stored.sha256) != (size, sha256):
            raise ReleaseError("E610", uri=self.uri, release=path.partition("/")[0], paths=path)
        return stored is not None


def _served(headers: Headers) -> dict[str, str]:
    return {"ContentType": headers.content_type, "CacheControl": headers.cache}


def _same(found: str, expected: str, source: Path) -> None:
    if found != expected:
        raise ReleaseError("E614", release=source.parent, path=source.name, what="has changed")
