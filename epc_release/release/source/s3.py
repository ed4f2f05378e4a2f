"""Objects of S3-compatible stores, listed and read by ranges; credentials and endpoint as in boto3.

``AWS_ENDPOINT_URL`` and the other ``AWS_*`` settings are boto3's own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from epc_release.errors import ReleaseError
from epc_release.release.source.location import buffered

_ATTEMPTS = 3  # of one range whose body breaks off; requests are retried by botocore itself
_ABSENT = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
_DENIED = (
    "401",
    "403",
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
)
_CHANGED = ("412", "PreconditionFailed")


@dataclass(frozen=True)
class S3Object:
    """One object as it was listed: size in bytes and ETag."""

    bucket: str
    name: str
    size: int
    etag: str

    @property
    def key(self) -> str:
        return f"s3://{self.bucket}/{self.name}"

    def open(self) -> BinaryIO:
        return buffered(_Ranges(self))

    def unchanged(self) -> bool:
        with _explained(self.key):
            now = _client().head_object(Bucket=self.bucket, Key=self.name)
        return (now["ContentLength"], now["ETag"]) == (self.size, self.etag)


def objects(bucket: str, prefix: str) -> Iterator[S3Object]:
    """All objects under a prefix in order of their keys, empty "folders" left out."""
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    with _explained(f"s3://{bucket}/{prefix}"):
        for page in pages:
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    yield S3Object(bucket, entry["Key"], entry["Size"], entry["ETag"])


class _Ranges(io.RawIOBase):
    """An object as a seekable file; every range must be of the object that was listed."""

    def __init__(self, target: S3Object) -> None:
        self._target = target
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._target.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self._target.size)
        if end <= self._at:
            return 0
        data = _range(self._target, self._at, end)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _range(target: S3Object, start: int, end: int) -> bytes:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _explained(target.key):
                found = _client().get_object(
                    Bucket=target.bucket,
                    Key=target.name,
                    Range=f"bytes={start}-{end - 1}",
                    IfMatch=target.etag,
                )
                data: bytes = found["Body"].read()
        except ReleaseError as error:
            if error.problem.code != "E252" or attempt == _ATTEMPTS:
                raise
            continue
        if len(data) == end - start:
            return data
    raise ReleaseError("E207", file=target.key)


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Turns what the store answers into E207, E250, E251 or E252."""
    try:
        yield
    except aws.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _CHANGED:
            raise ReleaseError("E207", file=uri) from error
        known = "E250" if code in _ABSENT else "E251" if code in _DENIED else "E252"
        raise ReleaseError(known, uri=uri, reason=code) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound) as error:
        raise ReleaseError("E251", uri=uri, reason=type(error).__name__) from error
    except (aws.BotoCoreError, aws.HTTPClientError) as error:
        raise ReleaseError("E252", uri=uri, reason=type(error).__name__) from error


@cache
def _client() -> Any:
    """One client a process; boto3's clients may be used by several threads."""
    # a session of our own: the default one keeps what credentials it once found
    return boto3.Session().client("s3", config=Config(retries={"mode": "standard"}))
