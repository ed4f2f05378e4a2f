"""Multipart uploads that a publisher has left when it died: gone on with, or aborted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

Matches = Callable[[Mapping[str, Any]], bool]


def unfinished(client: Any, bucket: str, prefix: str) -> list[tuple[str, str]]:
    """Key and upload id of every unfinished upload below ``prefix``, the newest first."""
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    found = [upload for page in pages for upload in page.get("Uploads", ())]
    found.sort(key=lambda upload: upload["Initiated"], reverse=True)
    return [(upload["Key"], upload["UploadId"]) for upload in found]


def abort_pending(client: Any, bucket: str, prefix: str) -> int:
    """Abort what is unfinished below ``prefix``; how many there were."""
    uploads = unfinished(client, bucket, prefix)
    for key, upload in uploads:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    return len(uploads)


def pending(client: Any, target: dict[str, str], matches: Matches) -> tuple[str, dict[int, str]]:
    """The unfinished upload of ``target`` with parts that are all ours: its id and their ETags.

    Every other one of this object is aborted. Empty if there is none, or if the store cannot say.
    """
    found: tuple[str, dict[int, str]] = ("", {})
    try:
        uploads = unfinished(client, target["Bucket"], target["Key"])
    except ClientError:
        return found
    for key, upload in uploads:
        if key != target["Key"]:
            continue
        parts = [] if found[0] else _parts(client, {**target, "UploadId": upload})
        if parts and all(map(matches, parts)):
            found = upload, {part["PartNumber"]: part["ETag"] for part in parts}
        else:
            client.abort_multipart_upload(**target, UploadId=upload)
    return found


def _parts(client: Any, upload: dict[str, str]) -> list[Mapping[str, Any]]:
    pages = client.get_paginator("list_parts").paginate(**upload)
    return [part for page in pages for part in page.get("Parts", ())]
