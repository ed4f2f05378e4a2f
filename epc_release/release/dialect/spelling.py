"""How alike two spellings of a column are: by letters and by words, never across other digits."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from epc_release.schemas.fold import loosely_folded

_CAMEL: Final = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-z])(?=[A-Z])")
_WORDS: Final = re.compile(r"[^\W_]+")
_SHORTENED: Final = 0.9  # a word and its beginning, as ``ref`` of ``reference``
_SHORTEST: Final = 3
_ALIKE: Final = 0.8  # words less alike than this have nothing in common
_ONE_HAS_DIGITS: Final = 0.8  # ``address`` is not quite ``address1``


@lru_cache(maxsize=4096)
def words(spelling: str) -> tuple[str, ...]:
    """The words of a spelling, lower case: parted by signs, digits and capitals.

    >>> words("Site-Reference"), words("siteReference2")
    (('site', 'reference'), ('site', 'reference', '2'))
    """
    return tuple(word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", spelling)))


@lru_cache(maxsize=65536)
def likeness(one: str, other: str) -> float:
    """From 0 (nothing in common) to 1 (the same letters and digits).

    Spellings with different digits are not alike at all: ``address1`` is never ``ADDRESS2``.
    """
    digits = [[word for word in words(text) if word.isdigit()] for text in (one, other)]
    if all(digits) and digits[0] != digits[1]:
        return 0.0
    share = 1.0 if digits[0] == digits[1] else _ONE_HAS_DIGITS
    return share * max(
        _by_letters(loosely_folded(one), loosely_folded(other)), _by_words(words(one), words(other))
    )


def _by_letters(one: str, other: str) -> float:
    first, second = sorted((one, other))
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _ALIKE / 2 else 0.0


def _by_words(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Twice the words in common, by the words of both; each word counts once."""
    few, many = sorted((one, other), key=len)
    left = list(many)
    common = 0.0
    for word in few:
        best = max(left, key=lambda found: _same(word, found), default="")
        if _same(word, best):
            common += _same(word, best)
            left.remove(best)
    return 2 * common / max(len(one) + len(other), 1)


@lru_cache(maxsize=65536)
def _same(one: str, other: str) -> float:
    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST and long.startswith(short):
        return _SHORTENED
    ratio = _by_letters(one, other)
    return ratio if ratio >= _ALIKE else 0.0
