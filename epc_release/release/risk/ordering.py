"""The distinct values of a sensitive column in order, with their rows in the whole table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from epc_release.anonymise.risk.codes import Numbers

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True)
class Ordering:
    """``ranks``: rank by code; ``marginal``: rows by rank; ``ordered``: whether distances count."""

    ranks: npt.NDArray[np.uint32]
    marginal: Numbers
    ordered: bool


def order(
    values: Sequence[Any], counts: Numbers, *, ordered: bool, untyped: bool = False
) -> Ordering:
    """Ranks of the values that have rows; numbers alike share one, and a missing one is last.

    Numbers, dates and times are ordered by themselves; so are texts that all are numbers, where
    they are ``untyped`` (of CSV) or ``ordered``. ``ordered`` texts of other kinds are in the order
    of their characters' code points.
    """
    used = [code for code, count in enumerate(counts.tolist()) if count]
    known = {code: values[code] for code in used if values[code] is not None}
    numbers = bool(known) and all(_is_number(v, untyped or ordered) for v in known.values())
    if numbers:
        known = {code: _number(value) for code, value in known.items()}
    ranks = np.zeros(len(values), np.uint32)
    rank, last = -1, None
    for code in sorted(known, key=lambda code: _place(known[code])):
        place = _place(known[code])
        rank, last = rank + (place != last), place
        ranks[code] = rank
    if counts[0]:
        rank += 1
        ranks[0] = rank
    marginal = np.bincount(ranks[used], weights=counts[used], minlength=rank + 1)
    return Ordering(ranks, marginal.astype(np.int64), ordered or numbers)


def _is_number(value: Any, texts: bool) -> bool:
    if isinstance(value, str):
        return texts and _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) else value


def _place(value: Any) -> tuple[bool, Any]:
    """What is sorted by: NaN is greater than any number."""
    nan = value != value
    return nan, (0 if nan else value)
