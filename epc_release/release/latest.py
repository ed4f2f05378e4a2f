"""Which of several records of one key is the newest, as text that sorts."""

from __future__ import annotations

import polars as pl

from epc_release.schemas.register import Latest

LATEST, REMOVES = "__latest", "__removes"

_BETWEEN = "\x1f"  # sorts before any character of a value


def latest_columns(frame: pl.DataFrame, latest: Latest) -> list[pl.Series]:
    """LATEST (String, higher is newer) and REMOVES (Boolean) for each record of ``frame``.

    Days and times are compared as ISO 8601 text; a missing value is older than any other, a status
    that is not listed older than those that are.
    """
    parts = [pl.col(name).cast(pl.String).fill_null("") for name in latest.by]
    removes = pl.lit(value=False)
    if latest.status:
        status = pl.col(latest.status).cast(pl.String)
        places = {value: f"{place:02}" for place, value in enumerate(latest.order, 1)}
        parts.append(status.replace_strict(places, default="00", return_dtype=pl.String))
        removes = status.is_in(list(latest.removes)).fill_null(value=False)
    made = frame.select(
        pl.concat_str(*parts, separator=_BETWEEN).alias(LATEST), removes.alias(REMOVES)
    )
    flag = made[REMOVES]
    return [made[LATEST], flag if len(flag) == len(frame) else flag.new_from_index(0, len(frame))]
