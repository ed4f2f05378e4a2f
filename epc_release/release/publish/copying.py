"""One object to another name within a bucket: the bytes never leave the store.

A large object is copied in the parts in which it was sent, so that its composite checksum, which
its metadata record, stays the same.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from epc_release.release.publish.multipart import part_size
from epc_release.release.publish.parallel import each

ONE_REQUEST = 1 << 30  # bytes; a store may copy 5 GiB in one request, but not before a time-out
_WORKERS = 4
_KEPT = ("ContentType", "CacheControl", "Metadata")


def copy(client: Any, source: dict[str, str], target: dict[str, str], part_bytes: int) -> None:
    """Copy ``source`` (bucket, key) over ``target``; raises botocore's exceptions."""
    facts = client.head_object(**source)
    if facts["ContentLength"] <= ONE_REQUEST:
        client.copy_object(
            **target, CopySource=source, MetadataDirective="COPY", ChecksumAlgorithm="SHA256"
        )
        return
    kept = {name: facts[name] for name in _KEPT if name in facts}
    upload = client.create_multipart_upload(**target, ChecksumAlgorithm="SHA256", **kept)
    whole = {**target, "UploadId": upload["UploadId"]}
    try:
        _parts(client, source, whole, facts["ContentLength"], part_bytes)
    except BaseException:
        with suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**whole)
        raise


def _parts(
    client: Any, source: dict[str, str], whole: dict[str, str], size: int, part_bytes: int
) -> None:
    step = part_size(size, part_bytes)

    def send(number: int) -> dict[str, Any]:
        first = (number - 1) * step
        copied = client.upload_part_copy(
            **whole,
            PartNumber=number,
            CopySource=source,
            CopySourceRange=f"bytes={first}-{min(first + step, size) - 1}",
        )["CopyPartResult"]
        told = {name: copied[name] for name in ("ETag", "ChecksumSHA256") if copied.get(name)}
        return {"PartNumber": number, **told}

    parts = each(send, range(1, -(-size // step) + 1), _WORKERS)
    client.complete_multipart_upload(**whole, MultipartUpload={"Parts": parts})
