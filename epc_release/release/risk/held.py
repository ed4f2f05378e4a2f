"""Coded rows, in memory while they fit, then in buckets on disk; a class never crosses buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from epc_release.anonymise.risk.cells import lengths, run_starts
from epc_release.anonymise.risk.codes import Coded, Numbers, pack
from epc_release.release.disk import private
from epc_release.release.risk.coders import Word, Words

BUCKETS: Final = 64  # 2**_BITS
_BITS: Final = 6
_PIECE: Final = 1 << 19  # rows that are made one, or written to buckets, at a time
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # odd; 2**64 divided by the golden ratio


@dataclass(frozen=True)
class Stretch:
    """Coded rows: their words, and how many records each stands for (None: one)."""

    words: Words
    n: Numbers | None = None

    @property
    def rows(self) -> int:
        return len(self.words[0]) if self.words else 0

    @property
    def bytes(self) -> int:
        own = 0 if self.n is None else self.n.nbytes
        return own + sum(word.nbytes for word in self.words)


class Held:
    """All rows of a request. The first ``keys`` words tell the class.

    ``room`` in bytes, of which measuring takes ``row`` a row besides twice what is held. Where rows
    do not fit, those alike are held once with their number; where that does not help they go to
    files in ``work``.
    """

    def __init__(self, room: int, row: int, keys: int, work: Path) -> None:
        self.room, self.row, self.keys, self.work = room, row, keys, work
        self.kept: list[Stretch] = []
        self.bytes = self.rows = 0
        self.files: list[BinaryIO] = []

    def add(self, words: Words) -> None:
        """One more batch."""
        self._keep(Stretch(words))
        if self.needed > self.room:
            self._make_room()

    def parts(self, row: int) -> Iterator[list[Stretch]]:
        """All rows, in parts that fit; what has been given is no longer held.

        ``row`` is now known better.
        """
        self.row = row
        if self.needed > self.room:
            self._make_room()
        if not self.files:
            yield self._taken()
            return
        self._spill()
        for file in self.files:
            file.flush()
            file.seek(0)
            yield self._bucket(file)

    def close(self) -> None:
        """Removes what is on disk."""
        for file in self.files:
            file.close()
            Path(file.name).unlink(missing_ok=True)

    @property
    def needed(self) -> int:
        """Bytes that measuring what is held takes."""
        return 2 * self.bytes + self.rows * self.row

    def _keep(self, stretch: Stretch) -> None:
        self.kept.append(stretch)
        self.bytes += stretch.bytes
        self.rows += stretch.rows

    def _taken(self) -> list[Stretch]:
        kept, self.kept, self.bytes, self.rows = self.kept, [], 0, 0
        return kept

    def _make_room(self) -> None:
        if not self.files:
            self._compact()
            if self.needed < self.room // 2:
                return
            for number in range(BUCKETS):
                path = self.work / f"bucket-{number}"
                self.files.append(open(path, "w+b", opener=private))  # noqa: SIM115
        self._spill()

    def _compact(self) -> None:
        """Rows alike become one, as far as they stand near each other."""
        near: list[Stretch] = []
        for stretch in self._taken():
            near.append(stretch)
            if sum(each.rows for each in near) >= _PIECE:
                self._keep(_alike(joined(near)))
                near = []
        if near:
            self._keep(_alike(joined(near)))

    def _bucket(self, file: BinaryIO) -> list[Stretch]:
        """One bucket's rows; where they do not fit, those alike as one."""
        part = Held(self.room, self.row, self.keys, self.work)
        most = self.room
        while (stretch := _read(file)) is not None:
            part._keep(stretch)
            if part.needed > most:
                part._compact()
                most = max(most, 2 * part.needed)
        return part._taken()

    def _spill(self) -> None:
        for stretch in self._taken():
            for start in range(0, stretch.rows, _PIECE):
                self._write(sliced(stretch, slice(start, start + _PIECE)))

    def _write(self, stretch: Stretch) -> None:
        bucket = _bucket(stretch.words[: self.keys])
        order = np.argsort(bucket, kind="stable")
        ends = np.cumsum(np.bincount(bucket, minlength=BUCKETS))
        for number, file in enumerate(self.files):
            begin = int(ends[number - 1]) if number else 0
            rows = order[begin : int(ends[number])]
            if len(rows):
                _append(file, sliced(stretch, rows))


def _alike(stretch: Stretch) -> Stretch:
    """Each combination of words once, with its number of records."""
    words = map(_bits, stretch.words)
    coded = pack((Coded(word, int(word.max()) + 1) for word in words), stretch.rows)
    order = np.argsort(coded.codes)
    starts = run_starts(coded.codes[order])
    n = counted(stretch.n, order, starts)
    first = order[starts]
    return Stretch(tuple(word[first] for word in stretch.words), n)


def joined(stretches: Sequence[Stretch]) -> Stretch:
    """Several as one."""
    if len(stretches) == 1:
        return stretches[0]
    words = tuple(np.concatenate(same) for same in zip(*(s.words for s in stretches), strict=True))
    if all(s.n is None for s in stretches):
        return Stretch(words)
    counts = [np.ones(s.rows, np.int64) if s.n is None else s.n for s in stretches]
    return Stretch(words, np.concatenate(counts))


def sliced(stretch: Stretch, rows: Any) -> Stretch:
    """Some rows of it."""
    n = None if stretch.n is None else stretch.n[rows]
    return Stretch(tuple(word[rows] for word in stretch.words), n)


def counted(n: Numbers | None, order: Numbers, starts: Numbers) -> Numbers:
    """How many records each run of rows in this order stands for."""
    if n is None:
        return lengths(starts, len(order))
    return np.add.reduceat(n[order], starts) if len(starts) else n


def _bits(word: Word) -> Any:
    return word.view(np.uint64) if word.dtype == np.int64 else word.astype(np.uint64)


def _bucket(words: Words) -> Any:
    """A number below ``BUCKETS`` that depends on nothing but the values."""
    mixed = np.zeros(len(words[0]), np.uint64)
    for word in words:
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _FACTOR + _bits(word)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _FACTOR
    return (mixed >> np.uint64(64 - _BITS)).astype(np.uint8)


def _append(file: BinaryIO, stretch: Stretch) -> None:
    n = np.zeros(0, np.int64) if stretch.n is None else stretch.n
    for array in (*stretch.words, n):
        np.save(file, array)
    np.save(file, np.zeros(0, np.bool_))  # the end of a stretch


def _read(file: BinaryIO) -> Stretch | None:
    found: list[Any] = []
    while True:
        try:
            array = np.load(file)
        except EOFError:
            return None
        if array.dtype == np.bool_:
            *words, n = found
            return Stretch(tuple(words), n if len(n) else None)
        found.append(array)
