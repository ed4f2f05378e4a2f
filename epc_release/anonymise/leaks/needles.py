"""Many values in many bytes, in one pass.

Every form of every value is looked for by eight of its bytes: its first ones, or its last where too
many forms begin alike. The text is taken as words of eight bytes at each of eight shifts; a bitmap
tells in one gather which words can be an anchor, and those few are compared in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epc_release.anonymise.leaks.forms import SHORTEST, Form, forms, secret_forms

BLOCK = 1 << 20  # bytes looked at together: they stay in the processor's cache
_ODD = np.uint64(0x9E3779B97F4A7C15)  # of Fibonacci hashing (Knuth, volume 3, section 6.4)
_CROWDED = 4  # forms with one beginning, from which on the end tells them apart better
_WORD = 8


@dataclass(frozen=True)
class Needle:
    """A private value and the set that it is from; its text is never shown."""

    value: str
    source: str

    def forms(self) -> Iterable[Form]:
        return forms(self.value)

    def __repr__(self) -> str:
        return f"<Needle of {self.source}>"


@dataclass(frozen=True)
class SecretNeedle:
    """A secret key, and how it was given; its bytes are never shown."""

    raw: bytes
    source: str
    written: str = ""

    def forms(self) -> Iterable[Form]:
        return secret_forms(self.raw, self.written)

    def __repr__(self) -> str:
        return f"<SecretNeedle of {self.source}>"


class Hit(NamedTuple):
    """Where a form of a value begins (bytes from 0), the value's set and the form's name."""

    at: int
    source: str
    form: str


class Needles:
    """Values of at least ``SHORTEST`` bytes, ready to be searched for; others are left out."""

    def __init__(self, values: Iterable[Needle | SecretNeedle]) -> None:
        self._values: Sequence[Needle | SecretNeedle] = [
            each
            for each in values
            if isinstance(each, SecretNeedle) or len(each.value.encode()) >= SHORTEST
        ]
        found: dict[bool, list[tuple[bytes, int]]] = {True: [], False: []}
        self.longest = 0
        for number, value in enumerate(self._values):
            for form in value.forms():
                if len(form.data) >= SHORTEST:
                    found[form.folded].append((form.data, number))
                    self.longest = max(self.longest, len(form.data))
        self._folded, self._exact = _Index(found[True]), _Index(found[False])

    def __len__(self) -> int:
        return len(self._values)

    def found(self, data: bytes) -> Iterator[Hit]:
        """Every form of every value in ``data``; a value is told again for each form of it."""
        if not self._values:
            return
        yield from self._hits(data.lower(), self._folded, folded=True)
        yield from self._hits(data, self._exact, folded=False)

    def _hits(self, data: bytes, index: _Index, *, folded: bool) -> Iterator[Hit]:
        for at, number in index.candidates(data):
            value = self._values[number]
            for form in value.forms():
                if form.folded == folded:
                    yield from (
                        Hit(start, value.source, form.name)
                        for start in dict.fromkeys((at, at + _WORD - len(form.data)))
                        if start >= 0 and _stands(data, start, form)
                    )

    def stream(self, read: Callable[[int], bytes], block: int = 4 << 20) -> Iterator[Hit]:
        """Every hit in what ``read`` gives, piece by piece; one across pieces is found."""
        before, start = b"", 0
        while piece := read(block):
            data = before + piece
            yield from (hit._replace(at=hit.at + start) for hit in self.found(data))
            keep = min(len(data), max(self.longest, 1))
            before, start = data[len(data) - keep :], start + len(data) - keep


def _stands(data: bytes, start: int, form: Form) -> bool:
    if not data.startswith(form.data, start):
        return False
    if not form.alone:
        return True
    end = start + len(form.data)
    return not (data[max(start - 1, 0) : start].isalnum() or data[end : end + 1].isalnum())


class _Index:
    """Anchors of forms, and a bitmap of them."""

    def __init__(self, found: Sequence[tuple[bytes, int]]) -> None:
        first = np.frombuffer(b"".join(data[:_WORD] for data, _ in found), dtype="<u8")
        last = np.frombuffer(b"".join(data[-_WORD:] for data, _ in found), dtype="<u8")
        _, place, counts = np.unique(first, return_inverse=True, return_counts=True)
        words = np.where(counts[place] > _CROWDED, last, first) if len(first) else first
        order = np.argsort(words, kind="stable")
        self._words: NDArray[np.uint64] = words[order]
        self._owners = np.array([number for _, number in found], dtype=np.int32)[order]
        bits = max(16, len(words).bit_length() + 5)
        self._shift = np.uint64(64 - bits)
        self._marked = np.zeros(1 << bits, dtype=bool)
        self._marked[self._slots(self._words)] = True

    def _slots(self, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return (words * _ODD) >> self._shift

    def candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """(place of an anchor, a value that has it); few are wrong."""
        if not len(self._words):
            return
        for start in range(0, len(data) - _WORD + 1, BLOCK):
            block = data[start : start + BLOCK + _WORD - 1]
            for at, word in self._anchors(block):
                low = int(np.searchsorted(self._words, word, "left"))
                high = int(np.searchsorted(self._words, word, "right"))
                for owner in dict.fromkeys(self._owners[low:high].tolist()):
                    yield start + at, owner

    def _anchors(self, block: bytes) -> Iterator[tuple[int, np.uint64]]:
        for shift in range(min(_WORD, len(block) - _WORD + 1)):
            count = (len(block) - shift) // _WORD
            words = np.frombuffer(block[shift : shift + count * _WORD], dtype="<u8")
            near = np.flatnonzero(self._marked[self._slots(words)])
            if len(near):
                suspects = words[near]
                places = np.searchsorted(self._words, suspects).clip(max=len(self._words) - 1)
                for place in near[self._words[places] == suspects]:
                    yield int(place) * _WORD + shift, words[place]
