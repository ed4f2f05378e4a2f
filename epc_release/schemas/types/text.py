"""Text as it is compared, stored and published: one line, no stray white space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

# Unicode White_Space, and the four separators that Python counts as white space and Rust does not:
# a reader that splits lines there must not find one record on two lines.
_SPACE: Final = r"[\s\x1c-\x1f]+"
_UNTIDY: Final = r"^ |  | $|[^\S ]|[\x1c-\x1f]"


def normalise(text: pl.Series) -> pl.Series:
    """Each run of white space (line breaks and tabs included) as one space, none at either end.

    String in, String of the same length out; null stays null.
    """
    if not text.str.contains(_UNTIDY).any():
        return text
    return text.str.replace_all(_SPACE, " ").str.strip_chars(" ")


def rewrite(text: pl.Series, rewrites: Sequence[tuple[str, str]]) -> pl.Series:
    """Apply (regular expression, replacement) pairs in order, then normalise again.

    The syntax is that of polars (Rust ``regex``: linear time, groups as ``${1}``).
    """
    for pattern, replacement in rewrites:
        text = text.str.replace_all(pattern, replacement)
    return normalise(text) if rewrites else text
