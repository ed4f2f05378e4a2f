"""Strings and their formats (Table Schema v2, string)."""

from __future__ import annotations

from typing import Final

import polars as pl

from epc_release.schemas.table import Field
from epc_release.schemas.types.elsewhere import accepts_elsewhere

FORMATS: Final = ("default", "email", "uri", "binary", "uuid")

# RFC 9562, section 4; RFC 4648, section 4 (padded, without line breaks).
_EXACT: Final = {
    "uuid": "(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$",
    "binary": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}
# Plain texts that any reader takes; all others are asked of frictionless.
_SURE: Final = {
    "email": (
        r"^[a-z0-9]{1,20}(?:[._+-][a-z0-9]{1,20}){0,2}"
        r"@(?:[a-z][a-z0-9]{1,30}\.){1,4}(?:com|org|net|uk|wales|scot|cymru)$"
    ),
    "uri": r"^https?://(?:[a-z][a-z0-9]{1,30}\.){1,4}[a-z]{2,6}(?:/[A-Za-z0-9._~-]*)*$",
}


def read_strings(field: Field, text: pl.Series) -> pl.Series:
    """The text itself; null where it is not of the format."""
    if field.format == "default":
        return text
    if field.format in _EXACT:
        return text.set(~text.str.contains(_EXACT[field.format]), None)
    sure = text.str.contains(_SURE[field.format]).fill_null(True)
    if sure.all():
        return text
    asked = text.filter(~sure)
    wrong = asked.filter(~accepts_elsewhere(field, asked))
    return text.set(text.is_in(wrong.implode()), None)
