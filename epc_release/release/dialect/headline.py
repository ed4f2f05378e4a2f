"""Is the first line a header, or a record whose cells must not be shown?"""

from __future__ import annotations

import re
from typing import Final

from epc_release.release.dialect.model import Alike, Found

_LONGEST: Final = 80  # characters of a column's name
_DIGITS: Final = re.compile(r"\d{5,}|^[\d\s.,:/+-]+$|@")
_VALUE: Final = re.compile(r"^[-+]?[\d.,]+$|^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


def is_header(found: Found, nearest: Alike | None) -> bool:
    """Whether the cells of a file's first line are names of columns.

    They are where at least half of them are known. Elsewhere all must look like names, and one of
    them be known or stand over a column of numbers or dates. In doubt it is a record, because the
    cells of a record are never shown.
    """
    if nearest is not None and 2 * nearest.known >= len(found.header):
        return True
    cells = [cell.strip("\ufeff \t\r\n\u00a0") for cell in found.header]
    if not all(_is_name(cell) for cell in cells if cell):
        return False
    if nearest is not None and nearest.known:
        return True
    return any(_differs([row[i] for row in found.records]) for i in range(len(cells)))


def _is_name(cell: str) -> bool:
    letters = any(letter.isalpha() for letter in cell)
    return letters and len(cell) <= _LONGEST and not _DIGITS.search(cell)


def _differs(values: list[str]) -> bool:
    """A column of numbers or dates, below a cell that is neither."""
    present = [value for value in map(str.strip, values) if value]
    return len(present) > 1 and all(_VALUE.match(value) for value in present)
