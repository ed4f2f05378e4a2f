"""Spellings of columns, as they are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

_OUTER = "\ufeff \t\r\n\u00a0"
_SIGNS = re.compile(r"[\W_]+")


def folded(spelling: str) -> str:
    """A column's name as it is compared: without byte order mark, outer blanks and case."""
    return spelling.strip(_OUTER).casefold()


def loosely_folded(spelling: str) -> str:
    """The letters and digits of a column's name, without case.

    >>> loosely_folded("LAND DELIVERABLE?") == loosely_folded("Land-Deliverable")
    True
    """
    return _SIGNS.sub("", unicodedata.normalize("NFKC", folded(spelling)))


FOLDS: Mapping[str, Callable[[str], str]] = {"plain": folded, "loose": loosely_folded}
