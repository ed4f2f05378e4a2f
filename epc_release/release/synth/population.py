"""Who the rows of a table are about: property, site, postcode, place and assessor of each row.

Every identity is a hash of the certificate's number, so it needs no memory: a property has
certificates in any chunk, always at the same address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from epc_release.release.synth.entropy import Ids, below, hashed, ranks, salt
from epc_release.release.synth.places import Places

_ASSESSORS = 4000
_BLOCK_FLAT = np.uint64(1 << 29)  # above the properties of any table


@dataclass(frozen=True)
class Population:
    """The properties of one table. ``blocks`` sites have many flats under one reference number."""

    seed: int
    table: str
    properties: int
    blocks: int
    block_share: float
    places: Places

    def scopes(self, certificates: Ids, alone: Mapping[int, int]) -> dict[str, Ids]:
        """The identities of each row, by scope. Rows in ``alone`` (row -> any number) have a
        property to themselves, so that nothing about them is told of another certificate.
        """
        key = [salt(self.seed, self.table, part) for part in ("property", "block", "assessor")]
        hashes = hashed(certificates, key[0])
        dwelling = below(hashes, max(1, self.properties))
        site = dwelling.copy()
        in_block = (hashes & np.uint64(0xFFFF)) < np.uint64(self.block_share * 65536)
        flats = certificates[in_block]
        dwelling[in_block] = flats + _BLOCK_FLAT
        site[in_block] = below(hashed(flats, key[1]), max(1, self.blocks)) + np.uint64(
            self.properties
        )
        for row, nth in alone.items():
            dwelling[row] = site[row] = self.properties + self.blocks + nth
        in_block[list(alone)] = False
        codes = self.places.slots[ranks(site, salt(self.seed, self.table, "place"))]
        place = codes.astype(np.uint64)
        postcodes = self.places.postcodes(self.properties)[place]
        number = below(hashed(site, salt(self.seed, self.table, "postcode")), postcodes)
        return {
            "certificate": certificates,
            "property": dwelling,
            "site": site,
            "postcode": np.asarray((place << np.uint64(32)) | number, dtype=np.uint64),
            "place": place,
            "assessor": below(hashed(certificates, key[2]), _ASSESSORS),
            "block": in_block.astype(np.uint64),
        }
