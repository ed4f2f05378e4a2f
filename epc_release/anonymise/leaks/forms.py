"""The ways in which a value can be written so that somebody else can read it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

SHORTEST = 8  # bytes; a shorter value is everywhere by chance and is compared as a whole cell
# So few digits, decimal or hexadecimal, stand in longer numbers and hashes by chance.
_PLAIN_NUMBER = re.compile(r"[0-9a-fA-F]{,15}")
_GAPS = re.compile(r"[\s-]+")
_DIGESTS = ("md5", "sha1", "sha256")


class Form(NamedTuple):
    """One way of writing a value: ``data`` as it would stand, ASCII letters in lower case where
    ``folded``. ``alone``: it counts only where no letter or digit stands beside it.
    """

    name: str
    data: bytes
    folded: bool
    alone: bool = False


def forms(value: str) -> Iterator[Form]:
    """Every form of a value that is at least ``SHORTEST`` bytes long, each of them so long itself.

    UTF-8, UTF-16 of both orders, hexadecimal digits, base64 at each of its three places in a longer
    text, percent-encoding, escapes of JSON, HTML and CSV, the value without blanks and hyphens and
    backwards, and unsalted digests (MD5, SHA-1, SHA-256; their hexadecimal digits, base64, bytes).
    """
    raw = value.encode()
    compact = _GAPS.sub("", value)
    number = _PLAIN_NUMBER.fullmatch(compact) is not None
    yield Form("utf-8", raw.lower(), True, number)
    for name, text in _escaped(value):
        if text != value:
            yield Form(name, text.encode().lower(), True)
    for name, text in (("without blanks", compact), ("backwards", value[::-1])):
        if text != value and len(text.encode()) >= SHORTEST:
            yield Form(name, text.encode().lower(), True, number)
    yield from spellings(raw)
    for order in ("utf-16-le", "utf-16-be"):
        yield Form(order, value.encode(order).lower(), True)
    for text in dict.fromkeys((value, compact)):
        for algorithm in _DIGESTS:
            digest = hashlib.new(algorithm, text.encode(), usedforsecurity=False).digest()
            yield Form(f"{algorithm} digest", digest, False)
            yield Form(f"{algorithm} digest", digest.hex().encode()[:32], True)
            yield Form(f"{algorithm} digest", base64.b64encode(digest)[:20], False)


def spellings(raw: bytes) -> Iterator[Form]:
    """Bytes as hexadecimal digits and as base64."""
    yield Form("hexadecimal", raw.hex().encode(), True)
    for shift in range(3):
        # Whatever its place in a longer text: without the ends, which depend on what is beside it.
        text = base64.b64encode(bytes(shift) + raw)
        inner = text[4 if shift else 0 : len(text) // 4 * 4 - (4 if (shift + len(raw)) % 3 else 0)]
        for spelt in dict.fromkeys((inner, inner.replace(b"+", b"-").replace(b"/", b"_"))):
            if len(spelt) >= SHORTEST:
                yield Form("base64", spelt, False)


def secret_forms(raw: bytes, written: str = "") -> Iterator[Form]:
    """A key as its bytes and in every way of writing bytes, and as it was given."""
    yield Form("bytes", raw, False)
    yield from spellings(raw)
    for text in dict.fromkeys((written, raw.hex(), raw.decode("latin-1"))):
        if text:
            yield Form("text", text.encode().lower(), True)
            yield Form("utf-16", text.encode("utf-16-le").lower(), True)
            yield Form("utf-16", text.encode("utf-16-be").lower(), True)


def _escaped(value: str) -> Iterator[tuple[str, str]]:
    yield "JSON", json.dumps(value)[1:-1]
    yield "JSON", json.dumps(value, ensure_ascii=False)[1:-1]
    yield "percent-encoding", quote(value, safe="")
    yield "percent-encoding", quote_plus(value)
    yield "HTML", html.escape(value)
    yield "CSV", value.replace('"', '""')
