"""What is known of any number of whole classes; summaries of disjoint classes add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np

from epc_release.anonymise.risk.codes import Numbers
from epc_release.anonymise.risk.measures import Closeness, Diversity

SIZES = (1, 2, 3, 4, 5, 10, 20, 50, 100, 1000)  # the least size of each band of the profile
_GREATEST = ("alpha", "t", "beta", "delta")


@dataclass(frozen=True)
class Worst:
    """The worst class of one sensitive column; None where nothing was measured.

    ``least_share``: share of the rarest value in the whole table, which bounds the enhanced beta.
    """

    l: int | None = None  # noqa: E741  (the measure's name)
    entropy_l: float | None = None
    alpha: float | None = None
    t: float | None = None
    beta: float | None = None
    delta: float | None = None
    least_share: float | None = None

    @classmethod
    def of(cls, inside: Diversity, outside: Closeness | None, marginal: Numbers | None) -> Worst:
        """The worst of these classes; none of them: nothing is known."""
        if not len(inside.l):
            return cls()
        found = cls(int(inside.l.min()), float(inside.entropy_l.min()), float(inside.alpha.max()))
        if outside is None or marginal is None:
            return found
        return cls(
            found.l,
            found.entropy_l,
            found.alpha,
            t=float(outside.t.max()),
            beta=float(outside.beta.max()),
            delta=float(outside.delta.max()),
            least_share=float(marginal[marginal > 0].min() / marginal.sum()),
        )

    def __add__(self, other: Worst) -> Worst:
        names = [each.name for each in fields(self)]
        return Worst(**{n: _worse(n, getattr(self, n), getattr(other, n)) for n in names})

    @property
    def enhanced_beta(self) -> float | None:
        """The lesser of beta and -ln of the rarest value's share."""
        if self.beta is None or self.least_share is None:
            return None
        return min(self.beta, float(-np.log(self.least_share)))

    def measures(self) -> dict[str, Any]:
        """By name, in the order in which they are told."""
        found: dict[str, Any] = {n: getattr(self, n) for n in ("l", "entropy_l", "alpha", "t")}
        return {
            **found,
            "beta": self.beta,
            "enhanced_beta": self.enhanced_beta,
            "delta": self.delta,
        }


@dataclass(frozen=True)
class Summary:
    """Counts and the worst of some classes; ``Summary(k)`` is that of none.

    ``k``: the threshold of ``below``; ``least`` and ``least_rows``: the smallest class in units and
    in rows; ``below``: rows and classes of fewer than ``k`` units; ``profile``: classes, units and
    rows by band of ``SIZES`` (in units); ``most``: rows of the largest class.
    """

    k: int
    rows: int = 0
    units: int = 0
    classes: int = 0
    least: int | None = None
    least_rows: int | None = None
    most: int = 0
    rows_below: int = 0
    classes_below: int = 0
    profile: tuple[tuple[int, int, int], ...] = ((0, 0, 0),) * len(SIZES)
    sensitive: Mapping[str, Worst] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Numbers, units: Numbers, k: int, sensitive: Mapping[str, Worst]) -> Summary:
        """Of classes with these rows and units each."""
        if not len(rows):
            return cls(k, sensitive=dict(sensitive))
        below = units < k
        band = np.searchsorted(SIZES, units, side="right") - 1
        counts = [
            np.bincount(band, weights=weights, minlength=len(SIZES)).astype(np.int64).tolist()
            for weights in (None, units, rows)
        ]
        return cls(
            k=k,
            rows=int(rows.sum()),
            units=int(units.sum()),
            classes=len(rows),
            least=int(units.min()),
            least_rows=int(rows.min()),
            most=int(rows.max()),
            rows_below=int(rows[below].sum()),
            classes_below=int(below.sum()),
            profile=tuple(zip(*counts, strict=True)),
            sensitive=dict(sensitive),
        )

    def __add__(self, other: Summary) -> Summary:
        """Both together; they share no class. Raises ValueError where the thresholds differ."""
        if self.k != other.k:
            raise ValueError(f"summaries for k = {self.k} and {other.k} cannot be added")
        names = dict.fromkeys((*self.sensitive, *other.sensitive))
        return Summary(
            k=self.k,
            rows=self.rows + other.rows,
            units=self.units + other.units,
            classes=self.classes + other.classes,
            least=_worse("k", self.least, other.least),
            least_rows=_worse("k", self.least_rows, other.least_rows),
            most=max(self.most, other.most),
            rows_below=self.rows_below + other.rows_below,
            classes_below=self.classes_below + other.classes_below,
            profile=tuple(
                (a + d, b + e, c + f)
                for (a, b, c), (d, e, f) in zip(self.profile, other.profile, strict=True)
            ),
            sensitive={
                name: self.sensitive.get(name, Worst()) + other.sensitive.get(name, Worst())
                for name in names
            },
        )

    def measures(self) -> dict[str, Any]:
        """All measures by name, plain values; None where there is nothing to measure.

        ``k`` and ``uniques`` (classes of one) are in units, ``k_rows`` in rows. The expected
        re-identifications, the sum over units of 1 / size of class, are as many as classes.
        ``prosecutor_risk`` is the greatest 1 / size: the attacker knows that the target is in the
        file. A ``journalist``'s, who does not, is at most that. ``marketer_risk`` is the expected
        share of units that somebody finds who links all of them.
        """
        together: dict[str, list[Any]] = {name: [] for name in Worst().measures()}
        for each in self.sensitive.values():
            for name, value in each.measures().items():
                together[name].append(value)
        return {
            "rows": self.rows,
            "units": self.units,
            "classes": self.classes,
            "k": self.least,
            "k_rows": self.least_rows,
            **{name: _worst_of(name, values) for name, values in together.items()},
            "uniques": self.profile[0][0],
            "threshold": self.k,
            "rows_below_k": self.rows_below,
            "classes_below_k": self.classes_below,
            "largest_class": self.most,
            "expected_reidentifications": self.classes,
            "prosecutor_risk": 1 / self.least if self.least else None,
            "marketer_risk": self.classes / self.units if self.units else None,
            "sizes": [
                {"size": label, "classes": classes, "units": units, "rows": rows}
                for label, (classes, units, rows) in zip(_labels(), self.profile, strict=True)
            ],
            "sensitive": {name: each.measures() for name, each in self.sensitive.items()},
        }


def _labels() -> list[str]:
    last = [f"{SIZES[-1]}+"]
    return [str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in pairwise(SIZES)] + last


def _worse(name: str, one: Any, other: Any) -> Any:
    return _worst_of(name, [one, other])


def _worst_of(name: str, values: list[Any]) -> Any:
    """The greatest or least of what is known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return max(known) if name in (*_GREATEST, "enhanced_beta") else min(known)
