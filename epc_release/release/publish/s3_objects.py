"""The reading half of an S3-compatible store, and what both halves share."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release.publish.bodies import UnreadableError, fetch
from epc_release.release.publish.probe import Capabilities
from epc_release.release.publish.ranges import ranged
from epc_release.release.publish.s3_errors import mapped
from epc_release.release.publish.stores import ObjectInfo, checked


class S3Objects:
    """Objects of ``bucket`` below ``prefix``, for reading.

    ``can`` is what a publisher has found out of the store; a reader trusts its checksums not.
    """

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self.client, self.bucket = client, bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.can = Capabilities()

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def head(self, path: str) -> ObjectInfo | None:
        facts = self._head(path)
        if facts is None:
            return None
        return ObjectInfo(path, facts["ContentLength"], facts["Metadata"].get("sha256"))

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        found = []
        with self.mapped():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}{prefix}"
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    if not entry["Key"].endswith("/"):  # a console's mark of an empty folder
                        path = entry["Key"].removeprefix(self.prefix)
                        modified = entry["LastModified"].timestamp()
                        found.append(ObjectInfo(path, entry["Size"], modified=modified))
        return sorted(found, key=lambda info: info.path)

    def open(self, path: str) -> BufferedReader:
        facts = self._head(path)
        if facts is None:
            raise ReleaseError("E507", uri=self.uri, path=path)

        def fetch(start: int, length: int) -> bytes:
            data, version = self._get(path, Range=f"bytes={start}-{start + length - 1}")
            if len(data) != length or version != facts["ETag"]:
                raise ReleaseError("E508", uri=self.uri, path=path)
            return data

        return ranged(facts["ContentLength"], fetch)

    def digest(self, path: str) -> str:
        facts = self._head(path) or {}
        attested = facts.get("ChecksumSHA256", "") if self.can.checksums else ""
        if attested and "-" not in attested and facts.get("ChecksumType") != "COMPOSITE":
            return base64.b64decode(attested).hex()
        recorded: dict[str, str] = facts.get("Metadata", {})
        if attested and attested == recorded.get("sha256-parts") and "sha256" in recorded:
            return recorded["sha256"]
        with self.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self, path: str) -> tuple[bytes, str] | None:
        try:
            return self._get(path)
        except ReleaseError as error:
            if error.problem.code == "E507":
                return None
            raise

    def _head(self, path: str) -> dict[str, Any] | None:
        try:
            with self.mapped(path):
                facts: dict[str, Any] = self.client.head_object(
                    **self.target(path), ChecksumMode="ENABLED"
                )
                return facts
        except ReleaseError as error:
            if error.problem.code == "E507":
                return None
            raise

    def _get(self, path: str, **wanted: str) -> tuple[bytes, str]:
        """An object's (or a range's) bytes and its ETag."""
        with self.mapped(path):
            try:
                data, answer = fetch(self.client, self.target(path), **wanted)
            except UnreadableError as why:
                raise ReleaseError("E508", uri=self.uri, path=path) from why
        return data, answer["ETag"]

    def target(self, path: str) -> dict[str, str]:
        """Bucket and key of a path, as botocore's requests take them."""
        return {"Bucket": self.bucket, "Key": f"{self.prefix}{checked(path)}"}

    @contextmanager
    def mapped(self, path: str = "") -> Iterator[None]:
        """Botocore's exceptions about ``path`` become E500-E507."""
        with mapped(self.uri, self.bucket, path):
            yield
