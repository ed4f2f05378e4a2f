"""What only a race or a lie shows of a bucket: conditional puts, checksums, copies, uploads."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

from botocore.exceptions import ClientError

from epc_release.release.publish.doctor.bench import WORKERS, Bench
from epc_release.release.publish.doctor.finding import Finding
from epc_release.release.publish.parallel import each
from epc_release.release.publish.resume import unfinished
from epc_release.release.publish.s3 import S3Store
from epc_release.release.publish.s3_errors import status

_ROUNDS = 5


def raced_puts(bench: Bench, store: S3Store) -> tuple[Finding, Finding]:
    """Of many who create, or replace, one object under a condition at once, one wins."""
    created = [
        _race(store, f"{bench.top}created-{n}", {"IfNoneMatch": "*"}) for n in range(_ROUNDS)
    ]
    swapped = []
    for number in range(_ROUNDS):
        path = bench.put(f"swapped-{number}", b"before")
        etag = store.client.head_object(**store.target(path))["ETag"]
        swapped.append(_race(store, path, {"IfMatch": etag}))
    return (
        _told("raced If-None-Match", store.can.create, created),
        _told("raced If-Match", store.can.swap, swapped),
    )


def _race(store: S3Store, path: str, condition: dict[str, str]) -> bool:
    """Whether one put of many at once won, and what is stored is its."""

    def put(body: bytes) -> bytes | None:
        try:
            store.client.put_object(**store.target(path), Body=body, **condition)
        except ClientError as error:
            if status(error) not in (400, 404, 409, 412, 501, 503):
                raise
            return None
        return body

    with store.mapped(path):
        won = [body for body in each(put, [b"%d" % n for n in range(WORKERS)], WORKERS) if body]
    found = store.read(path)
    return len(won) == 1 and found is not None and found[0] == won[0]


def _told(name: str, kept: bool, rounds: list[bool]) -> Finding:
    """A store that does not keep a condition is not relied on; one that keeps it must in a race."""
    if not kept:
        return Finding(name, True, "not kept by this store, so not used")
    return Finding(name, all(rounds), f"one winner in {sum(rounds)} of {len(rounds)} races")


def checksums(bench: Bench, store: S3Store) -> Finding:
    """Wrong checksums are refused, or what is stored is read back."""
    path = bench.put("attested", b"attested")
    facts = store.client.head_object(**store.target(path), ChecksumMode="ENABLED")
    right = base64.b64encode(hashlib.sha256(b"attested").digest()).decode()
    if not store.can.checksums:
        return Finding("checksums", True, "wrong ones are not refused, so all is read back")
    if facts.get("ChecksumSHA256") == right:
        return Finding("checksums", True, "wrong ones are refused, right ones attested")
    return Finding("checksums", True, "wrong ones are refused, none attested, so all is read back")


def copies(bench: Bench, store: S3Store) -> Finding:
    """A copy within the store has the bytes and what was recorded of them."""
    data = secrets.token_bytes(1000)
    path = bench.put("original", data)
    store.copy(path, f"{bench.top}copy")
    one, two = store.head(path), store.head(f"{bench.top}copy")
    recorded = one is not None and two is not None and one.sha256 == two.sha256
    same = recorded and bench.read(f"{bench.top}copy") == data
    return Finding("copy within the store", same, "the same" if same else "not the same")


def unfinished_uploads(bench: Bench, store: S3Store) -> Finding:
    """An upload that was begun can be found again, and aborted."""
    target: dict[str, Any] = store.target(f"{bench.top}begun")
    upload = store.client.create_multipart_upload(**target)["UploadId"]
    try:
        listed = unfinished(store.client, target["Bucket"], target["Key"])
    except ClientError:
        listed = []
    finally:
        store.client.abort_multipart_upload(**target, UploadId=upload)
    if (target["Key"], upload) in listed:
        return Finding("unfinished uploads", True, "listed: they are gone on with, or aborted")
    says = "not listed: give the bucket a rule that aborts them after some days"
    return Finding("unfinished uploads", True, says)


TRIALS = (checksums, copies, unfinished_uploads)
