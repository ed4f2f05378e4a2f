"""JSON as releases hold it: readable, in the order in which it was made, the same bytes always."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from epc_release.manifests.facts import FileFacts


def to_json(value: object) -> str:
    """Two spaces of indentation, UTF-8 as it is, one line feed at the end."""
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def to_utc(time: datetime) -> str:
    """An aware time as RFC 3339 in UTC, seconds precise."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def write_text(folder: Path, path: str, text: str) -> FileFacts:
    """Write a text file of the release (UTF-8, line feeds) and give its facts."""
    data = text.encode()
    (folder / path).write_bytes(data)
    return FileFacts(path, len(data), hashlib.sha256(data).hexdigest())
