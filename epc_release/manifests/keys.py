"""Keys of a whole table in bounded memory: 64-bit fingerprints, sorted out of core by bucket.

A fingerprint that stands twice only suggests that a key does; the rows are then compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

Prints = npt.NDArray[np.uint64]
Tags = npt.NDArray[np.uint16]

_ENTRY = np.dtype([("print", "<u8"), ("tag", "<u2")])
_BUCKETS = 64
_LIMITS = np.arange(1, _BUCKETS, dtype=np.uint64) << np.uint64(58)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def fingerprints(frame: pl.DataFrame, columns: Sequence[str]) -> Prints:
    """One fingerprint per row (uint64), equal where these columns are equal."""
    found = np.zeros(frame.height, dtype=np.uint64)
    for column in columns:
        found = found * _MIX ^ frame[column].hash(seed=7).to_numpy()
    return found


class KeySpill:
    """The fingerprints of one table, each with a small number, in files by their highest bits.

    A context manager: everything is added within it, and read after it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._paths = [folder / f"{bucket}.keys" for bucket in range(_BUCKETS)]
        self._files: list[BinaryIO] = [path.open("wb") for path in self._paths]

    def add(self, prints: Prints, tags: Tags) -> None:
        """Add fingerprints in any order."""
        entries = np.empty(len(prints), dtype=_ENTRY)
        order = np.argsort(prints)
        entries["print"], entries["tag"] = prints[order], tags[order]
        cuts = np.searchsorted(entries["print"], _LIMITS)
        for file, part in zip(self._files, np.split(entries, cuts), strict=True):
            file.write(part.tobytes())

    def __enter__(self) -> KeySpill:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def buckets(self) -> Iterator[npt.NDArray[Any]]:
        """Entries sorted by fingerprint, a bucket at a time: together they are sorted too."""
        for path in self._paths:
            entries = np.fromfile(path, dtype=_ENTRY)
            yield entries[np.argsort(entries["print"])]

    def repeated(self) -> Prints:
        """The fingerprints that stand more than once, each once."""
        found = []
        for entries in self.buckets():
            prints = entries["print"]
            found.append(np.unique(prints[1:][prints[1:] == prints[:-1]]))
        return np.concatenate(found)


class KeyIndex:
    """A parent table's keys, 10 bytes each: is there such a key, and with which tag?"""

    def __init__(self, spill: KeySpill, rows: int) -> None:
        self._prints = np.empty(rows, dtype=np.uint64)
        self._tags = np.empty(rows, dtype=np.uint16)
        at = 0
        for entries in spill.buckets():
            self._prints[at : at + len(entries)] = entries["print"]
            self._tags[at : at + len(entries)] = entries["tag"]
            at += len(entries)

    def find(self, prints: Prints) -> tuple[npt.NDArray[np.bool_], Tags]:
        """For each fingerprint whether it is there, and its tag (that of any key if it is not)."""
        if not len(self._prints):
            return np.zeros(len(prints), dtype=bool), np.zeros(len(prints), dtype=np.uint16)
        at = np.minimum(np.searchsorted(self._prints, prints), len(self._prints) - 1)
        return self._prints[at] == prints, self._tags[at]
