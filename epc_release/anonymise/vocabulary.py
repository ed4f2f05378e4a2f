"""Vocabularies: reviewed files of the phrases that a free-text column may be reduced to.

CSV in UTF-8, header ``phrase,language,canonical,round_to,least,most,reviewed_by,reviewed_on``.

- ``phrase``: as extracts write it; at most one ``{number}`` stands for digits.
- ``language``: ``en`` or ``cy``.
- ``canonical``: the phrase of the file that is published for it (empty: itself), so that spelling
  and the language in which an assessor wrote tell nothing.
- ``round_to``, ``least``, ``most``: of a phrase with ``{number}``: a number outside the limits
  makes the text unknown; one within is rounded to a multiple.
- ``reviewed_by``, ``reviewed_on``: who looked at it and when; may be empty.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path

from epc_release.anonymise.lines import Line, read_lines
from epc_release.anonymise.personal import personal
from epc_release.anonymise.used import Used
from epc_release.errors import ReleaseError

HEADER = (
    *("phrase", "language", "canonical", "round_to", "least", "most"),
    *("reviewed_by", "reviewed_on"),
)
LANGUAGES = ("en", "cy")
NUMBER = "{number}"
SEPARATORS = "|;"  # no phrase holds them
_LOST = re.compile(r"[\s'’‘`´?]+")  # blanks, and apostrophes with what became of them


@dataclass(frozen=True)
class Slot:
    """The number of a phrase: a multiple of ``to`` from ``least`` to ``most``."""

    to: Decimal
    least: Decimal
    most: Decimal

    def rounded(self, number: str) -> str | None:
        """The number as it is published, halves up; None where it is outside the limits."""
        value = Decimal(number)
        if not self.least <= value <= self.most:
            return None
        return self.text((value / self.to + Decimal("0.5")) // 1)

    def text(self, steps: Decimal) -> str:
        return format(steps * self.to, "f")

    @property
    def texts(self) -> tuple[str, ...]:
        """All that it can publish."""
        first, last = int(self.least / self.to), int(self.most / self.to)
        return tuple(self.text(Decimal(step)) for step in range(first, last + 1))


@dataclass(frozen=True)
class Phrase:
    """A known phrase and what is published for it; ``slot`` where both have ``{number}``."""

    text: str
    canonical: str
    language: str
    slot: Slot | None
    reviewed: bool

    @property
    def published(self) -> tuple[str, ...]:
        """All texts that can come of it."""
        if self.slot is None:
            return (self.canonical,)
        return tuple(self.canonical.replace(NUMBER, text) for text in self.slot.texts)


@dataclass(frozen=True)
class Vocabulary:
    """The phrases of a file."""

    phrases: tuple[Phrase, ...]
    used: Used

    @property
    def unread(self) -> int:
        """Phrases for which the file names no reviewer."""
        return sum(not phrase.reviewed for phrase in self.phrases)


def load_vocabulary(path: Path, given: str) -> Vocabulary:
    """Read a vocabulary, which the policy calls ``given``. Raises E159 naming file and line."""
    lines = list(read_lines(path, HEADER, "E159"))
    first: dict[str, Line] = {}
    for line in lines:
        text = line.cells[0].strip()
        _check_phrase(line, text)
        if (other := first.setdefault(key(text), line)) is not line:
            line.wrong(f"the phrase of line {other.number} is the same but for blanks or case")
    if not lines:
        raise ReleaseError("E159", file=path, line=1, problem="it has no phrases")
    known = {line.cells[0].strip(): line for line in lines}
    phrases = tuple(_phrase(line, known) for line in lines)
    return Vocabulary(phrases, Used("vocabulary", given, sha256(path.read_bytes()).hexdigest()))


def key(text: str) -> str:
    """A text as it is compared: lower case, one form of each character, no blanks and apostrophes.

    Whatever is equal in it is told by the same words.
    """
    return _LOST.sub("", unicodedata.normalize("NFKC", text).lower())


def _check_phrase(line: Line, text: str) -> None:
    if not key(text):
        line.wrong("the phrase is empty")
    if any(mark in text for mark in SEPARATORS):
        line.wrong("a phrase may not hold | or ;, which separate phrases")
    if text.count(NUMBER) > 1 or "{" in text.replace(NUMBER, "") or "}" in text.replace(NUMBER, ""):
        line.wrong(f"only {NUMBER} may stand in braces, and once")
    for cell in line.cells[:3]:
        if kind := personal(cell):
            line.wrong(f"it holds what looks like {kind}")
    if line.cells[1].strip() not in LANGUAGES:
        line.wrong(f"the language must be one of {', '.join(LANGUAGES)}")


def _phrase(line: Line, known: dict[str, Line]) -> Phrase:
    text, language, canonical = (cell.strip() for cell in line.cells[:3])
    target = canonical or text
    if canonical and (target not in known or known[target].cells[2].strip()):
        line.wrong("its canonical phrase is not one of the file that stands for itself")
    if (NUMBER in text) != (NUMBER in target):
        line.wrong(f"{NUMBER} must stand in the phrase and in its canonical one, or in neither")
    slot = _slot(line) if NUMBER in text else None
    if slot is None and any(cell.strip() for cell in line.cells[3:6]):
        line.wrong(f"round_to, least and most go with {NUMBER}")
    return Phrase(text, target, language, slot, reviewed=bool(line.cells[6].strip()))


def _slot(line: Line) -> Slot:
    try:
        to, least, most = (Decimal(cell.strip()) for cell in line.cells[3:6])
    except InvalidOperation:
        line.wrong(f"{NUMBER} needs round_to, least and most")
    if not (to.is_finite() and least.is_finite() and most.is_finite()):
        line.wrong("round_to, least and most must be numbers")
    if to <= 0 or not 0 <= least < most or least % to or most % to:
        line.wrong("least and most must be multiples of round_to, from 0 on, and rise")
    return Slot(to, least, most)


def published(vocabularies: Sequence[Vocabulary]) -> Iterator[str]:
    """All single phrases that can be published, sorted, each once."""
    yield from sorted({text for v in vocabularies for p in v.phrases for text in p.published})
