"""Keyed pseudonyms: HMAC-SHA-256 (RFC 2104), one derived key per kind of identifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
import polars_hash as plh

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.rules.base import (
    ONLY_IF_PUBLISHED,
    MisfitError,
    Published,
    Reading,
    described,
    read_only_if_published,
)
from epc_release.schemas.table import Field

HEX_DIGITS = 32  # 128 bits: a collision among 30 million is a matter of 1 in 10^24
PATTERN = f"^[0-9a-f]{{{HEX_DIGITS}}}$"


@dataclass(frozen=True)
class Pseudonymise(Published):
    """A pseudonym that is the same wherever the identifier stands, so that tables still join.

    The kind of identifier is the column's property ``kind`` in its Table Schema.
    ``only_if_published``: it stands where the record that it names is published as well.
    """

    name = "pseudonymise"
    kind: str
    only_if_published: bool = False

    @property
    def words(self) -> str:
        where = ONLY_IF_PUBLISHED if self.only_if_published else ""
        return f"replaced by a keyed pseudonym, the same wherever the {self.kind} stands{where}"

    @classmethod
    def read(cls, reading: Reading) -> Pseudonymise:
        kind = reading.field.descriptor.get("kind")
        if not isinstance(kind, str) or not kind:
            raise MisfitError("its Table Schema names no kind of identifier")
        return cls(kind, read_only_if_published(reading))

    def field(self, field: Field) -> dict[str, Any]:
        says = "Published as a keyed pseudonym, the same wherever the identifier stands."
        constraints: dict[str, Any] = {"pattern": PATTERN}
        if field.constraints.get("unique"):
            constraints["unique"] = True
        return described(field, says, constraints=constraints)

    def apply(self, values: pl.Series, keyring: Keyring) -> pl.Series:
        """The published column."""
        secret = keyring.pseudonym_key(self.kind)
        digest = plh.col("text").chash.hmac_sha256(key=secret).str.slice(0, HEX_DIGITS)
        text = values.cast(pl.String).to_frame("text")
        return text.select(digest.alias(values.name)).to_series()
