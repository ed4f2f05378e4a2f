"""What goes wrong at an S3-compatible store, as our errors. Which are retried is botocore's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)

from epc_release.errors import ReleaseError
from epc_release.release.publish.credentials import EXPIRED

_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
)


def status(error: ClientError) -> int:
    """The HTTP status of an answer, 0 if unknown."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code(error: ClientError) -> str:
    """The store's own code, as ``NoSuchKey``; a HEAD has only the status."""
    return str(error.response.get("Error", {}).get("Code", "")) or str(status(error))


def worth_resuming(error: BaseException) -> bool:
    """Whether what was begun may be gone on with: network, credentials, a store in trouble."""
    if isinstance(error, ClientError):
        expired = code(error) in EXPIRED
        return expired or status(error) in (401, 403, 429) or status(error) >= 500
    return isinstance(error, BotoCoreError | HTTPClientError | KeyboardInterrupt)


@contextmanager
def mapped(uri: str, bucket: str, path: str = "") -> Iterator[None]:
    """Turn botocore's exceptions into E500-E507; ``path`` is the object asked for."""
    try:
        yield
    except ClientError as error:
        raise _answered(error, uri, bucket, path) from error
    except _CREDENTIALS as error:
        raise ReleaseError("E502", uri=uri) from error
    except (HTTPClientError, BotoCoreError) as error:
        raise ReleaseError("E501", uri=uri, reason=type(error).__name__) from error


def _answered(error: ClientError, uri: str, bucket: str, path: str) -> ReleaseError:
    answer, action = code(error), error.operation_name
    if answer == "NoSuchBucket" or (status(error) == 404 and not path):
        return ReleaseError("E504", uri=uri, bucket=bucket)
    if status(error) in (401, 403) or answer in (
        "400",  # a HEAD cannot say why; with our requests it is the key
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
    ):
        return ReleaseError("E503", uri=uri, answer=answer, action=action)
    if status(error) == 404:
        return ReleaseError("E507", uri=uri, path=path)
    if answer in ("BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"):
        return ReleaseError("E505", uri=uri, path=path)
    return ReleaseError("E500", uri=uri, answer=answer, action=action)
