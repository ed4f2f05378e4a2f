"""Free text, reduced to the phrases of reviewed vocabularies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any

import polars as pl

from epc_release.anonymise.personal import ANY
from epc_release.anonymise.rules.base import CellRule, Reading, described, need_text
from epc_release.anonymise.used import Used
from epc_release.anonymise.vocabulary import (
    NUMBER,
    Phrase,
    Vocabulary,
    key,
    load_vocabulary,
    published,
)
from epc_release.schemas.table import Field

BETWEEN = " | "  # as the register writes lists
MOST_TOKENS = 40  # of one text; no description has more
ENUM_LIMIT = 300
REMEMBERED = 100_000  # texts per vocabulary and process
_DIGITS = r"([0-9]{1,6}(?:\.[0-9]{1,9})?)"


@dataclass(frozen=True)
class MaskText(CellRule):
    """Published where the whole text is made of known phrases, in their canonical words, their
    numbers rounded; any other text is published missing.

    Phrases may follow one another, separated by ``|``, ``;`` or ``,``. The known part of a text
    that also holds something else is not published: the rest may be what qualifies it ("not", a
    name, a place), so that half of it would be untrue, and the cut would show that there was more.
    ``phrases`` is how many are told at most, the first ones, each once.
    """

    name = "mask_text"
    vocabularies: tuple[Vocabulary, ...]
    phrases: int | None

    @classmethod
    def read(cls, reading: Reading) -> MaskText:
        section = reading.section
        need_text(reading.field)
        folder = section.document.path.parent
        names = section.texts("vocabularies")
        phrases = section.number("phrases") if "phrases" in section else None
        if phrases is not None and (not isinstance(phrases, int) or phrases < 1):
            section.wrong("phrases", "phrases must be a whole number from 1 on")
        return cls(tuple(load_vocabulary(folder / name, name) for name in names), phrases)

    @property
    def words(self) -> str:
        known = sum(1 for _ in published(self.vocabularies))
        first = f", the first {self.phrases} of them" if self.phrases else ""
        return f"published where all of it is made of {known} known phrases{first}, else missing"

    @property
    def used(self) -> tuple[Used, ...]:
        return tuple(each.used for each in self.vocabularies)

    def field(self, field: Field) -> dict[str, Any]:
        says = "Standard phrases only; other texts are published as missing."
        known = list(published(self.vocabularies)) if self.phrases == 1 else []
        constraints = {"enum": known} if 0 < len(known) <= ENUM_LIMIT else {}
        return described(field, says, required=False, constraints=constraints)

    def apply(self, values: pl.Series) -> pl.Series:
        distinct = values.unique().cast(pl.String).drop_nulls()
        texts = _mask(self.vocabularies, self.phrases).all(distinct.to_list())
        told = pl.Series(texts, dtype=pl.String)
        told = told.set(told.str.contains(ANY).fill_null(False), None)
        return values.replace_strict(distinct, told, default=None, return_dtype=pl.Categorical)


class Mask:
    """Phrases made ready to be looked up; remembers the texts that it has seen."""

    def __init__(self, phrases: Sequence[Phrase], most: int | None) -> None:
        self._most = most
        self._plain = {key(p.text): p.canonical for p in phrases if p.slot is None}
        self._forms = [_form(phrase) for phrase in phrases if phrase.slot is not None]
        self._seen: dict[str, str | None] = {}

    def all(self, texts: Sequence[str]) -> list[str | None]:
        """What is published of each text."""
        if len(self._seen) > REMEMBERED:
            self._seen.clear()
        for text in texts:
            if text not in self._seen:
                self._seen[text] = self._text(text)
        return [self._seen[text] for text in texts]

    def _text(self, text: str) -> str | None:
        parts = [key(part) for part in re.split(r"[|;]", unescape(text))]
        told: dict[str, None] = {}
        for part in parts if any(parts) else ():
            found = self._run(part) if part else []
            if found is None:
                return None
            told.update(dict.fromkeys(found))
        return BETWEEN.join(list(told)[: self._most]) or None

    def _run(self, text: str) -> list[str] | None:
        """The phrases that, with commas between them, make up the text; the longest first."""
        tokens = text.split(",")
        if len(tokens) > MOST_TOKENS:
            return None
        ends: list[list[str] | None] = [None] * len(tokens) + [[]]  # from each token to the end
        for start in range(len(tokens) - 1, -1, -1):
            for stop in range(len(tokens), start, -1):
                rest = ends[stop]
                if rest is None:
                    continue
                if (one := self._phrase(",".join(tokens[start:stop]))) is not None:
                    ends[start] = [one, *rest]
                    break
        return ends[0]

    def _phrase(self, text: str) -> str | None:
        if text in self._plain:
            return self._plain[text]
        for form, phrase in self._forms:
            if phrase.slot and (found := form.fullmatch(text)):
                number = phrase.slot.rounded(found[1])
                return None if number is None else phrase.canonical.replace(NUMBER, number)
        return None


def _form(phrase: Phrase) -> tuple[re.Pattern[str], Phrase]:
    return re.compile(re.escape(key(phrase.text)).replace(re.escape(NUMBER), _DIGITS)), phrase


@lru_cache(maxsize=64)
def _mask(vocabularies: tuple[Vocabulary, ...], most: int | None) -> Mask:
    return Mask([phrase for each in vocabularies for phrase in each.phrases], most)
