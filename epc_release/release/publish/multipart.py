"""Large files in parts: each part is hashed before it is sent, so the store can check it.

The composite checksum (sha256 of the parts' sha256, base64, ``-`` and the number of parts) is
what a store attests for such an object: Amazon S3 User Guide, "Checking object integrity".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from epc_release.errors import ReleaseError
from epc_release.release.publish.parallel import each
from epc_release.release.publish.stores import Sent

PART_BYTES = 16 << 20
_MOST_PARTS = 10_000


@dataclass(frozen=True)
class Parts:
    """A file as it will be sent: part size in bytes, sha256 of each part, sha256 of the whole."""

    size: int
    digests: tuple[bytes, ...]
    sha256: str

    @property
    def composite(self) -> str:
        whole = hashlib.sha256(b"".join(self.digests)).digest()
        return f"{base64.b64encode(whole).decode()}-{len(self.digests)}"


def measure(source: Path, part_bytes: int = PART_BYTES) -> Parts:
    """Hash a file and its parts in one reading, with one part in memory."""
    size = max(part_bytes, -(-source.stat().st_size // _MOST_PARTS))
    whole, digests = hashlib.sha256(), []
    with source.open("rb") as reading:
        while part := reading.read(size):
            whole.update(part)
            digests.append(hashlib.sha256(part).digest())
    return Parts(size, tuple(digests), whole.hexdigest())


@dataclass(frozen=True)
class Upload:
    """One multipart upload: ``target`` is bucket and key, ``slots`` bounds the parts in memory."""

    client: Any
    target: dict[str, str]
    source: Path
    parts: Parts
    slots: AbstractContextManager[Any]
    sent: Sent | None = None

    def run(self, headers: dict[str, Any], condition: dict[str, str], workers: int) -> None:
        """Send all parts and complete; what is left unfinished is aborted."""
        self._abort_pending()
        upload = self.client.create_multipart_upload(
            **self.target, ChecksumAlgorithm="SHA256", **headers
        )
        whole = {**self.target, "UploadId": upload["UploadId"]}
        try:
            numbers = range(1, len(self.parts.digests) + 1)
            sent = each(self._sender(whole), numbers, workers)
            self.client.complete_multipart_upload(
                **whole, MultipartUpload={"Parts": sent}, **condition
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(**whole)
            raise

    def _sender(self, whole: dict[str, str]) -> Callable[[int], dict[str, Any]]:
        def send(number: int) -> dict[str, Any]:
            digest = self.parts.digests[number - 1]
            checksum = base64.b64encode(digest).decode()
            with self.slots:
                body = self._part(number, digest)
                answer = self.client.upload_part(
                    **whole, PartNumber=number, Body=body, ChecksumSHA256=checksum
                )
            if self.sent is not None:
                self.sent(len(body))
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

        return send

    def _part(self, number: int, digest: bytes) -> bytes:
        with self.source.open("rb") as reading:
            reading.seek((number - 1) * self.parts.size)
            body = reading.read(self.parts.size)
        if hashlib.sha256(body).digest() != digest:
            raise ReleaseError(
                "E614", release=self.source.parent, path=self.source.name, what="has changed"
            )
        return body

    def _abort_pending(self) -> None:
        """Abort what a publisher that died has left of this object; some stores cannot list it."""
        bucket, key = self.target["Bucket"], self.target["Key"]
        with suppress(ClientError):
            pending = self.client.list_multipart_uploads(Bucket=bucket, Prefix=key)
            for upload in pending.get("Uploads", ()):
                if upload["Key"] == key:
                    self.client.abort_multipart_upload(**self.target, UploadId=upload["UploadId"])
