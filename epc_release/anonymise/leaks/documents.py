"""Text as its readers see it: strings of JSON, references of HTML, percent-encoding, words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

# What separates values in metadata, names, headers and prose; blanks and hyphens stand in values.
_EDGES = re.compile("[\"'`<>=,;|{}()\\[\\]\\\\\x00-\x1f\x7f]+")
_WORDS = re.compile(r"[\s/:!?#&=,;]+")


def decoded(text: str) -> Iterator[tuple[str, str]]:
    """(layer, text) for each reading of a document that differs from its bytes in UTF-8."""
    strings = "\n".join(json_strings(text))
    if strings:
        yield "JSON strings", strings
    for layer, read in (("HTML references", html.unescape), ("percent-encoding", unquote_plus)):
        if (other := read(text)) != text:
            yield layer, other


def json_strings(text: str) -> Iterator[str]:
    """Every string of a JSON document, names of members too; none where it is not JSON."""
    try:
        yield from _strings(json.loads(text))
    except (ValueError, RecursionError):
        return


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _strings(each)
        case dict():
            for name, each in value.items():
                yield str(name)
                yield from _strings(each)


def phrases(text: str) -> set[str]:
    """Everything in a text that could be a whole value: stretches between quotes, commas and lines,
    and the words of these."""
    found: set[str] = set()
    for stretch in _EDGES.split(text):
        if stretch := stretch.strip():
            found.add(stretch)
            found.update(word.strip(".") for word in _WORDS.split(stretch))
    found.discard("")
    return found
