"""Regular expressions of schemas: which of them two engines surely read alike.

A ``pattern`` matches the whole value (Table Schema v2; XML Schema, regular expressions). Patterns
in the common subset below run vectorised in polars (Rust ``regex``). Any other (look-around, back
references, the classes of words and spaces, whose characters differ between engines, possessive
quantifiers, set operations) runs in Python's ``re``, once for each distinct value.
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from epc_release.errors import ReleaseError

_LITERAL: Final = r"[A-Za-z0-9 _/,:;'\"@#%&=!<>~`-]|[^\x00-\x7f]"
_ESCAPE: Final = r"\\[dDtnr.\\/()\[\]{}+*?|^$-]"
_IN_CLASS: Final = r"[A-Za-z0-9 _./,:;'\"@#%=!<>()+*?|{}$]|[^\x00-\x7f]|-(?!-)|\\[dtnr.\\/\[\]^-]"
_QUANTIFIER: Final = r"(?:(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??(?![+*?{]))?"
_ATOM: Final = rf"(?:{_LITERAL}|{_ESCAPE}|\.|\[\^?(?:{_IN_CLASS})+\]|\)){_QUANTIFIER}"
_COMMON: Final = re.compile(rf"\^?(?:{_ATOM}|\((?:\?:)?|\|)*\$?")


def check_pattern(field: str, pattern: str) -> None:
    """Raise E133 where ``pattern`` is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ReleaseError("E133", field=field, pattern=pattern, reason=error) from error


def is_common(pattern: str) -> bool:
    """Whether polars reads ``pattern`` as Python does."""
    if not _COMMON.fullmatch(pattern):
        return False
    try:
        pl.Series([""]).str.contains(_whole(pattern))
    except pl.exceptions.ComputeError:
        return False
    return True


def mismatches(pattern: str, values: pl.Expr) -> pl.Expr:
    """Boolean: where a text does not match ``pattern`` as a whole; null where it is null."""
    if is_common(pattern):
        return ~values.str.contains(_whole(pattern))
    return values.map_batches(lambda text: _slow(pattern, text), return_dtype=pl.Boolean)


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _slow(pattern: str, text: pl.Series) -> pl.Series:
    matches = re.compile(pattern).fullmatch
    bad = [value for value in text.unique().drop_nulls() if matches(value) is None]
    return text.is_in(bad) if bad else text.is_null().set(text.is_null(), None)
