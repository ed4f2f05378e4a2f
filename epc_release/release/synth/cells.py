"""The cells of one column in one chunk: codes into a list of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.synth.entropy import Codes


@dataclass(frozen=True)
class Cells:
    """``words`` (polars String, null is an empty cell) and one code for each row."""

    words: pl.Series
    codes: Codes

    @classmethod
    def of(cls, texts: pl.Series) -> Cells:
        """Cells that are all different, one word for each row."""
        return cls(texts, np.arange(len(texts), dtype=np.uint32))

    def texts(self) -> pl.Series:
        """The texts, one for each row."""
        return self.words.gather(self.codes)

    def put(self, rows: npt.NDArray[np.int64], texts: Sequence[str | None]) -> Cells:
        """The same cells with other texts in these rows."""
        if not len(rows):
            return self
        known: dict[str | None, int] = {}
        new: list[str | None] = []
        for text in texts:
            if text not in known:
                found = None if text is None else self.words.index_of(text)
                known[text] = len(self.words) + len(new) if found is None else found
                if found is None:
                    new.append(text)
        codes = self.codes.copy()
        codes[rows] = [known[text] for text in texts]
        return Cells(extended(self.words, new), codes)

    def repeated(self, rows: npt.NDArray[np.int64], sources: npt.NDArray[np.int64]) -> Cells:
        """The same cells with copies of other rows' texts in these rows."""
        codes = self.codes.copy()
        codes[rows] = self.codes[sources]
        return Cells(self.words, codes)


def words(texts: Sequence[str | None]) -> pl.Series:
    """A list of words."""
    return pl.Series("", texts, dtype=pl.String)


def extended(known: pl.Series, new: Sequence[str | None]) -> pl.Series:
    """The words with others after them, so that codes stay as they are."""
    return pl.concat([known, words(new)]) if new else known
