"""Where the properties of a synthetic register stand: real codes, invented postcodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.synth.cells import words
from epc_release.release.synth.entropy import Codes, generator, salt
from epc_release.release.synth.lexicon import value_table
from epc_release.schemas.register import CodeList

DISTRICTS = 9
"""Postcode districts of a place."""

_INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_INWARD = 4000
_AREA_SCATTER = 1237  # has no factor in common with _INWARD


@dataclass(frozen=True)
class Places:
    """The places in use, with weights that follow a log-normal law and are the same in every run.

    ``areas`` are postcode areas that do not exist: no address made from them is a real one.
    """

    codes: tuple[str, ...]
    codelist: CodeList
    settings: Mapping[str, Any]

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """The share of each place."""
        sigma = float(self.settings["sigma"])
        sizes = np.array(
            [math.exp(sigma * generator("place", code).standard_normal()) for code in self.codes]
        )
        return np.asarray(sizes / sizes.sum())

    @cached_property
    def slots(self) -> Codes:
        """The place of each rank."""
        return value_table(self.codes, list(self.weights)).slots

    def attribute(self, name: str) -> pl.Series:
        """One word for each place: its ``code``, ``name``, ``nation`` or a code list's column."""
        if name == "code":
            return words(self.codes)
        if name == "name":
            return words([self.codelist.names.get(code) for code in self.codes])
        if name == "nation":
            nations = self.settings["nations"]
            return words([nations.get(code[:1]) for code in self.codes])
        attributes = self.codelist.attributes
        return words([attributes.get(code, {}).get(name) for code in self.codes])

    def postcodes(self, properties: int) -> npt.NDArray[np.uint64]:
        """How many postcodes each place has, for so many properties in the whole register."""
        count = np.ceil(properties * self.weights / float(self.settings["per_postcode"]))
        return np.clip(count, 1, DISTRICTS * _INWARD).astype(np.uint64)

    @cached_property
    def outward(self) -> pl.Series:
        """The first halves of postcodes: ``DISTRICTS`` for each place."""
        areas = self.settings["areas"]
        return words(
            [
                f"{areas[place % len(areas)]}{place // len(areas) * DISTRICTS + district}"
                for place in range(len(self.codes))
                for district in range(1, DISTRICTS + 1)
            ]
        )

    def postcode_texts(self, ids: npt.NDArray[np.uint64]) -> pl.Series:
        """The postcodes of these (place << 32 | number)."""
        number = ids & np.uint64(0xFFFFFFFF)
        place = ids >> np.uint64(32)
        outward = place * np.uint64(DISTRICTS) + number // np.uint64(_INWARD)
        inward = number % np.uint64(_INWARD) * np.uint64(_AREA_SCATTER) % np.uint64(_INWARD)
        return pl.select(
            pl.concat_str(
                self.outward.gather(outward.astype(np.uint32)),
                _inward().gather(inward.astype(np.uint32)),
                separator=" ",
            )
        ).to_series()


def choose_places(codelist: CodeList, settings: Mapping[str, Any], rows: int) -> Places:
    """Places for so many certificates: fewer rows, fewer places; ended codes are left out."""
    attributes = codelist.attributes
    current = [
        code
        for code in codelist.names
        if code[:1] in settings["nations"]
        and attributes.get(code, {}).get("type") in settings["types"]
        and "end" not in attributes.get(code, {})
    ]
    first = [code for code in settings["first"] if code in current]
    others = sorted(set(current) - set(first), key=lambda code: int(salt("order", code)))
    count = max(len(first), rows // int(settings["rows_per_place"]))
    return Places(tuple([*first, *others][:count]), codelist, settings)


def _inward() -> pl.Series:
    letters = _INWARD_LETTERS
    return words([f"{digit}{a}{b}" for digit in range(10) for a in letters for b in letters])
