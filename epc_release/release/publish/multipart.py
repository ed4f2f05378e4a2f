"""Large files in parts: each part is hashed before it is sent, so the store can check it.

The composite checksum (sha256 of the parts' sha256, base64, ``-`` and the number of parts) is
what a store attests for such an object: Amazon S3 User Guide, "Checking object integrity".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from epc_release.errors import ReleaseError
from epc_release.release.publish import resume
from epc_release.release.publish.parallel import each
from epc_release.release.publish.s3_errors import worth_resuming
from epc_release.release.publish.stores import Sent

PART_BYTES = 16 << 20
_MOST_PARTS = 10_000
_PIECE = 1 << 20  # bytes read at a time


@dataclass(frozen=True)
class Parts:
    """A file as it will be sent: its bytes, those of a part, sha256 of each part and of all."""

    total: int
    size: int
    digests: tuple[bytes, ...]
    sha256: str

    @property
    def composite(self) -> str:
        whole = hashlib.sha256(b"".join(self.digests)).digest()
        return f"{base64.b64encode(whole).decode()}-{len(self.digests)}"


def part_size(size: int, part_bytes: int = PART_BYTES) -> int:
    """Bytes of each part but the last of a file of ``size`` bytes: a store takes 10,000 parts."""
    return max(part_bytes, -(-size // _MOST_PARTS))


def measure(source: Path, part_bytes: int = PART_BYTES) -> Parts:
    """Hash a file and its parts in one reading, with little of it in memory."""
    total = source.stat().st_size
    size = part_size(total, part_bytes)
    whole, part, digests, left = hashlib.sha256(), hashlib.sha256(), [], size
    with source.open("rb") as reading:
        while piece := reading.read(min(_PIECE, left)):
            whole.update(piece)
            part.update(piece)
            left -= len(piece)
            if not left:
                digests.append(part.digest())
                part, left = hashlib.sha256(), size
    if left < size:
        digests.append(part.digest())
    return Parts(total, size, tuple(digests), whole.hexdigest())


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
        """Send what is not there yet and complete.

        What a fault of store or network leaves unfinished is gone on with by the next run; after
        any other failure it is aborted.
        """
        upload, stored = resume.pending(self.client, self.target, self._matches)
        if upload:
            self._finish(upload, stored, condition, workers)
            recorded = self.client.head_object(**self.target)["Metadata"]
            if recorded == headers["Metadata"]:
                return
            self.client.delete_object(**self.target)  # begun for other content
        begun = self.client.create_multipart_upload(
            **self.target, ChecksumAlgorithm="SHA256", **headers
        )
        self._finish(begun["UploadId"], {}, condition, workers)

    def _finish(
        self, upload: str, stored: Mapping[int, str], condition: dict[str, str], workers: int
    ) -> None:
        """Send the parts that are not ``stored`` (their ETags by number), then complete."""
        whole = {**self.target, "UploadId": upload}
        try:
            numbers = range(1, len(self.parts.digests) + 1)
            sent = each(self._sender(whole, stored), numbers, workers)
            self.client.complete_multipart_upload(
                **whole, MultipartUpload={"Parts": sent}, **condition
            )
        except BaseException as error:
            if not worth_resuming(error):
                with suppress(ClientError, BotoCoreError):
                    self.client.abort_multipart_upload(**whole)
            raise

    def _sender(
        self, whole: dict[str, str], stored: Mapping[int, str]
    ) -> Callable[[int], dict[str, Any]]:
        def send(number: int) -> dict[str, Any]:
            digest = self.parts.digests[number - 1]
            checksum = base64.b64encode(digest).decode()
            tag = stored.get(number)
            if tag is None:
                with self.slots:
                    body = self._part(number, digest)
                    tag = self.client.upload_part(
                        **whole, PartNumber=number, Body=body, ChecksumSHA256=checksum
                    )["ETag"]
            if self.sent is not None:
                self.sent(min(self.parts.size, self.parts.total - (number - 1) * self.parts.size))
            return {"PartNumber": number, "ETag": tag, "ChecksumSHA256": checksum}

        return send

    def _matches(self, part: Mapping[str, Any]) -> bool:
        """Whether a stored part is ours: by its sha256, or by the MD5 that its ETag is."""
        number = part["PartNumber"]
        if number > len(self.parts.digests):
            return False
        digest = self.parts.digests[number - 1]
        if part.get("ChecksumSHA256"):
            return bool(part["ChecksumSHA256"] == base64.b64encode(digest).decode())
        body = self._part(number, digest)
        return bool(part["ETag"].strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest())

    def _part(self, number: int, digest: bytes) -> bytes:
        with self.source.open("rb") as reading:
            reading.seek((number - 1) * self.parts.size)
            body = reading.read(self.parts.size)
        if hashlib.sha256(body).digest() != digest:
            raise ReleaseError(
                "E614", release=self.source.parent, path=self.source.name, what="has changed"
            )
        return body
