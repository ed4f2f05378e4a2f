"""One read of an object, asked for again until it is whole and what was recorded of it.

``get_object().read()`` is not retried by botocore: a connection that breaks gives a short body, and
one that garbles gives another.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError

ATTEMPTS = 5
_MOST = 64 << 20  # bytes of one read


class UnreadableError(Exception):
    """Every attempt ended early, or came with other bytes than were recorded."""


def fetch(client: Any, target: dict[str, str], **wanted: str) -> tuple[bytes, dict[str, Any]]:
    """The bytes and the answer's facts of an object, or of the range that is ``wanted``.

    Raises botocore's exceptions, and UnreadableError.
    """
    for attempt in range(ATTEMPTS):
        answer: dict[str, Any] = client.get_object(**target, **wanted)
        try:
            data: bytes = answer["Body"].read(_MOST)
        except (FlexibleChecksumError, HTTPClientError, IncompleteReadError):
            pass
        else:
            if len(data) == answer["ContentLength"] and ("Range" in wanted or _is(data, answer)):
                return data, answer
        time.sleep(0.1 * 2**attempt)
    raise UnreadableError


def _is(data: bytes, answer: dict[str, Any]) -> bool:
    """Whether these are the bytes whose hash was recorded when they were put."""
    recorded = answer["Metadata"].get("sha256")
    return recorded is None or recorded == hashlib.sha256(data).hexdigest()
