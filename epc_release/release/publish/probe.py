"""What an S3-compatible store can really do, tried before it is relied on.

Some stores ignore If-None-Match, If-Match or checksum headers and answer 200, so that every
racer wins and a wrong checksum is recorded: only a refusal seen here proves that they are kept.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from epc_release.release.publish.s3_errors import status


@dataclass(frozen=True)
class Capabilities:
    """``create``: If-None-Match is kept; ``swap``: If-Match is; ``checksums``: wrong ones fail."""

    create: bool = False
    swap: bool = False
    checksums: bool = False


def probe(client: Any, bucket: str, prefix: str) -> Capabilities:
    """Try a small object of a random name below ``prefix`` (empty or ending in ``/``).

    Raises botocore's exceptions where even a plain put is refused.
    """
    key = f"{prefix}.probe-{secrets.token_hex(8)}"
    target = {"Bucket": bucket, "Key": key}
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    absent = '"00000000000000000000000000000000"'
    try:
        client.put_object(**target, Body=b"probe")
        return Capabilities(
            create=_refuses(client, 412, **target, Body=b"probe", IfNoneMatch="*"),
            swap=_refuses(client, 412, **target, Body=b"probe", IfMatch=absent)
            and _accepts_match(client, target),
            checksums=_refuses(client, 400, **target, Body=b"probe", ChecksumSHA256=wrong),
        )
    finally:
        client.delete_object(**target)


def _refuses(client: Any, expected: int, **request: Any) -> bool:
    try:
        client.put_object(**request)
    except ClientError as error:
        if status(error) == expected:
            return True
        if status(error) not in (400, 501):
            raise
    return False


def _accepts_match(client: Any, target: dict[str, str]) -> bool:
    """Whether a right ETag is accepted as it was given (one old store refuses the quotes)."""
    try:
        client.put_object(**target, Body=b"probe", IfMatch=client.head_object(**target)["ETag"])
    except ClientError as error:
        if status(error) not in (400, 412, 501):
            raise
        return False
    return True
