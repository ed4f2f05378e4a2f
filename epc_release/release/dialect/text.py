"""TOML as it is written into a draft: strings, lists and commented lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping


def quoted(text: str) -> str:
    """A basic string of TOML 1.0: what JSON escapes, and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def array(items: Iterable[str]) -> str:
    """A list of strings on one line."""
    return f"[{', '.join(quoted(item) for item in items)}]"


def inline(pairs: Mapping[str, str]) -> str:
    """An inline table of strings."""
    return "{ " + ", ".join(f"{key} = {quoted(value)}" for key, value in pairs.items()) + " }"


def lines(key: str, entries: Iterable[tuple[str, str]]) -> list[str]:
    """``key`` as a list of one string a line, each with its comment; nothing where it is empty.

    An entry whose comment begins with ``DECIDE`` is commented out as a whole.
    """
    found = [_entry(item, note) for item, note in entries]
    return [f"{key} = [", *found, "]"] if found else []


def _entry(item: str, note: str) -> str:
    off = "# " if note.startswith("DECIDE") else ""
    return f"  {off}{quoted(item)},{f'  # {note}' if note else ''}"
