"""Text to value: sizes, times with zone, release ids; each raises ValueError saying the form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_TABLE_PREFIX = re.compile(r"([a-z][a-z0-9-]*)=(.+)", re.DOTALL)


def size(value: object) -> int:
    """Bytes of ``1536MiB``, ``2GiB`` (powers of 1,024), ``2GB`` (of 1,000) or a plain number."""
    found = _SIZE.fullmatch(str(value).strip())
    if isinstance(value, bool) or found is None:
        raise ValueError(f"{value!r} is not a size; write it as 1536MiB or 2GiB")
    unit = (found[2] or "").lower()
    base = 1024 if unit.endswith("i") else 1000
    result = int(float(found[1]) * base ** _POWERS[unit.removesuffix("i")])
    if result <= 0:
        raise ValueError(f"{value!r} is no room at all; write a size such as 1536MiB")
    return result


def moment(value: object) -> datetime:
    """An aware time (UTC) of RFC 3339 text, or of a TOML date-time with offset."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a time; write it as 2026-03-31T23:59:59Z") from None
    if found.tzinfo is None:
        raise ValueError(f"{value!s} has no zone; write it as 2026-03-31T23:59:59Z")
    return found.astimezone(UTC)


def release_id(value: object) -> str:
    """A release id: it names a folder and stands in URIs."""
    text = str(value)
    if not RELEASE_ID.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a release id: at most 64 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return text


def is_uri(text: str) -> bool:
    """Whether a source or target is a URI (a Windows drive letter is none)."""
    return "://" in text


def has_credentials(text: str) -> bool:
    """Whether a URI has a user name or password in it."""
    return is_uri(text) and "@" in urlsplit(text).netloc


def split_table(source: str) -> tuple[str | None, str]:
    """A source's forced table and its place: ``TABLE=PATH`` -> (table, path), else (None, path)."""
    found = _TABLE_PREFIX.fullmatch(source)
    if found is None or is_uri(source.partition("=")[0]):
        return None, source
    return found[1], found[2]


def beside(base: Path, place: str) -> str:
    """A place named in a configuration file, seen from where that file stands."""
    return place if is_uri(place) else str(base / place)
