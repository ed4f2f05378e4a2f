"""The secret list of excluded sites: UPRNs and the postcodes they are in.

CSV in UTF-8 with the header ``uprn,postcode``. A site is excluded with its whole postcode, so that
the hole in the release does not show which building it is; a line may give the postcode alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.anonymise.lines import read_lines

_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")


@dataclass(frozen=True)
class Sites:
    """Canonical UPRNs and postcodes (String, distinct)."""

    uprns: pl.Series
    postcodes: pl.Series

    def __repr__(self) -> str:
        return f"<Sites: {len(self.postcodes)} postcodes>"


def read_sites(path: Path) -> Sites:
    """Read the list. Raises E153 naming file and line, never a value."""
    lines = read_lines(path, ("uprn", "postcode"), "E153")
    uprns, postcodes = set(), set()
    for line in lines:
        uprn, postcode = line.cells[0].strip().lstrip("0"), "".join(line.cells[1].split()).upper()
        if not _POSTCODE.fullmatch(postcode):
            line.wrong("the postcode is missing or has not the form of one")
        if uprn and not (uprn.isascii() and uprn.isdigit()):
            line.wrong("the UPRN is not a number")
        postcodes.add(postcode)
        if uprn:
            uprns.add(uprn)
    return Sites(
        pl.Series("uprn", sorted(uprns), dtype=pl.String),
        pl.Series("postcode", sorted(postcodes), dtype=pl.String),
    )


def canonical_uprn(values: pl.Expr) -> pl.Expr:
    """UPRNs as they are compared: digits without leading zeros."""
    return values.cast(pl.String).str.strip_chars().str.strip_chars_start("0")


def canonical_postcode(values: pl.Expr) -> pl.Expr:
    """Postcodes as they are compared: upper case without blanks."""
    return values.cast(pl.String).str.to_uppercase().str.replace_all(r"\s", "")
