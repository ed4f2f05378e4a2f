"""Ladders: the levels to which a published key column could be generalised further.

The first rung is what the policy publishes, the last one nothing at all. Each rung is coarser than
the one before, so that whatever holds on one holds on all above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from epc_release.anonymise.rules import Rule
from epc_release.anonymise.rules.generalise import POSTCODE_LEVELS, Generalise
from epc_release.anonymise.rules.numbers import Bin, Number, Round

AS_PUBLISHED, NOTHING = "as published", "nothing"
_POSTCODE = {"outcode": r"^([A-Z0-9]+)", "area": r"^([A-Z]+)"}
_MOST_RUNGS = 4


@dataclass(frozen=True)
class Rung:
    """One level: its name, and how published values become it (None: all are missing)."""

    name: str
    change: Callable[[pl.Series], pl.Series] | None

    def apply(self, values: pl.Series) -> pl.Series:
        """The column at this level; missing values stay missing."""
        if self.change is None:
            return pl.Series(values.name, [None], dtype=pl.String).new_from_index(0, len(values))
        return self.change(values)


def ladder(rule: Rule, *, fixed: bool) -> tuple[Rung, ...]:
    """The rungs of a column under this rule; a ``fixed`` one, which paths tell, has one alone."""
    first = Rung(AS_PUBLISHED, lambda values: values)
    if fixed:
        return (first,)
    match rule:
        case Bin(edges):
            between = _bins(edges)
        case Round():
            double, again = (Round(None, None, rule.to * times) for times in (2, 4))
            between = [
                Rung(f"to {double.to}", double.apply),
                # What was rounded is rounded: 5 and 6 are one value at each rung, or at none.
                Rung(f"to {again.to}", lambda values: again.apply(double.apply(values))),
            ]
        case Generalise(to) if to in POSTCODE_LEVELS:
            coarser = list(POSTCODE_LEVELS)[list(POSTCODE_LEVELS).index(to) + 1 :]
            between = [Rung(name, _extracted(_POSTCODE[name])) for name in coarser]
        case Generalise(to) if to in ("month", "quarter"):
            between = [Rung("year", _extracted("^([0-9]{4})"))]
        case Generalise(_, hierarchy) if hierarchy is not None:
            between = [Rung(name, _mapped(found)) for name, found in hierarchy.above]
        case _:
            between = []
    return (first, *between[: _MOST_RUNGS - 2], Rung(NOTHING, None))


def _bins(edges: tuple[Number, ...]) -> list[Rung]:
    """Bins with every second edge left out, and again."""
    found = []
    kept = edges
    while len(kept) > 2:
        kept = kept[1::2]
        found.append(Rung(f"{len(kept) + 1} bins", _mapped(_merged(Bin(edges), Bin(kept)))))
    return found


def _merged(fine: Bin, coarse: Bin) -> Mapping[str, str]:
    """Each label of the finer bins, and the coarser one that holds it."""
    found = {}
    for place, label in enumerate(fine.labels):
        low = fine.edges[:place]  # the edges that a value of this bin has passed
        found[label] = coarse.labels[sum(edge in low for edge in coarse.edges)]
    return found


def _mapped(coarser: Mapping[str, str]) -> Callable[[pl.Series], pl.Series]:
    return lambda values: values.cast(pl.String).replace_strict(
        coarser, default=None, return_dtype=pl.String
    )


def _extracted(pattern: str) -> Callable[[pl.Series], pl.Series]:
    return lambda values: values.cast(pl.String).str.extract(pattern, 1)
