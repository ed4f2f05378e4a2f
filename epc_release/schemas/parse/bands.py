"""Bands from scores: no score, no band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

_HALF = 0.5


def derive_band(derive: Mapping[str, Any], scores: pl.Expr | pl.Series) -> pl.Expr:
    """The band of each score (String; null for a null score or one outside all bands).

    ``derive`` is the property of a field: ``bands`` are [label, lowest, highest], whole scores,
    both ends included, null where open. The register's scores are whole; one with a fraction has
    the band of the nearest whole score, a half rounded up, so there is no gap between 20 and 21.
    Written as limits half a point outside, which is exact where rounding in floats is not.
    """
    score = pl.lit(scores) if isinstance(scores, pl.Series) else scores
    band = pl.lit(None, dtype=pl.String)
    for label, low, high in reversed(derive["bands"]):
        within = score.is_not_null()
        if low is not None:
            within &= score >= low - _HALF
        if high is not None:
            within &= score < high + _HALF
        band = pl.when(within).then(pl.lit(label)).otherwise(band)
    return band
