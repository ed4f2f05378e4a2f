"""Rules for numbers: fixed bins, rounding and outer limits, never quantiles of tonight's file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl

from epc_release.anonymise.document import Section
from epc_release.anonymise.rules.base import CellRule, MisfitError, Reading, described, need_number
from epc_release.schemas.table import Field

Number = int | float


@dataclass(frozen=True)
class Bin(CellRule):
    """A text that names the interval: from each edge to under the next, open at both ends."""

    name = "bin"
    edges: tuple[Number, ...]

    @property
    def words(self) -> str:
        low, high = self.edges[0], self.edges[-1]
        return f"published as one of {len(self.labels)} bands, from under {low} to {high} or over"

    @classmethod
    def read(cls, reading: Reading) -> Bin:
        need_number(reading.field)
        edges = reading.section.numbers("edges")
        if any(low >= high for low, high in pairwise(edges)):
            reading.section.wrong("edges", "edges must rise")
        return cls(edges)

    @property
    def labels(self) -> tuple[str, ...]:
        inner = (f"{low} to under {high}" for low, high in pairwise(self.edges))
        return (f"under {self.edges[0]}", *inner, f"{self.edges[-1]} or over")

    def field(self, field: Field) -> dict[str, Any]:
        unit = f" ({field.descriptor['unit']})" if "unit" in field.descriptor else ""
        return described(
            field,
            f"Published as a band{unit}.",
            categories=list(self.labels),
            categoriesOrdered=True,
            constraints={"enum": list(self.labels)},
        )

    def apply(self, values: pl.Series) -> pl.Series:
        known = values.cast(pl.Float64).fill_nan(None)
        edges = pl.Series(self.edges, dtype=pl.Float64)
        place = edges.search_sorted(known, side="right")
        label = pl.Series(self.labels, dtype=pl.Categorical).gather(
            place.set(known.is_null(), None)
        )
        return label.alias(values.name)


@dataclass(frozen=True)
class _Limited(CellRule):
    """Rules that publish a number of the column's own type, perhaps within fixed limits."""

    bottom: Number | None
    top: Number | None

    @property
    def words(self) -> str:
        limits = [f"{self.bottom} at least"] * (self.bottom is not None)
        limits += [f"{self.top} at most"] * (self.top is not None)
        return ", ".join(["published", *limits])

    def _field(self, field: Field, says: str) -> dict[str, Any]:
        constraints = {
            key: value
            for key, value in (("minimum", self.bottom), ("maximum", self.top))
            if value is not None
        }
        parts = [says] if says else []
        parts += [f"Values below {self.bottom} are published as it."] * (self.bottom is not None)
        parts += [f"Values above {self.top} are published as it."] * (self.top is not None)
        unit = {k: field.descriptor[k] for k in ("unit",) if k in field.descriptor}
        text = " ".join(parts)
        return described(field, text, type=field.type, constraints=constraints, **unit)

    def _clip(self, values: pl.Series) -> pl.Series:
        if values.dtype.is_float():
            values = values.fill_nan(None)
        return values.clip(self.bottom, self.top)


@dataclass(frozen=True)
class Round(_Limited):
    """The nearest multiple of ``to``, halves away from zero, within ``bottom`` and ``top``."""

    name = "round"
    to: Number

    @property
    def words(self) -> str:
        limits = [f"{self.bottom} at least"] * (self.bottom is not None)
        limits += [f"{self.top} at most"] * (self.top is not None)
        return ", ".join([f"rounded to the nearest {self.to}", *limits])

    @classmethod
    def read(cls, reading: Reading) -> Round:
        section, field = reading.section, reading.field
        need_number(field)
        to = _limit(section, "to", field)
        if to <= 0:
            section.wrong("to", "to must be above zero")
        bottom, top = (
            _limit(section, key, field) if key in section else None for key in ("bottom", "top")
        )
        for key, limit in (("bottom", bottom), ("top", top)):
            if limit is not None and Decimal(str(limit)) % Decimal(str(to)):
                section.wrong(key, f"{key} must be a multiple of {to}")
        if bottom is not None and top is not None and bottom >= top:
            section.wrong("bottom", "bottom must be below top")
        return cls(bottom, top, to)

    def field(self, field: Field) -> dict[str, Any]:
        return self._field(field, f"Rounded to the nearest {self.to}." if self.to != 1 else "")

    def apply(self, values: pl.Series) -> pl.Series:
        clipped = self._clip(values)
        if values.dtype.is_integer():
            whole = (clipped.abs() * 2 + self.to) // (2 * self.to) * self.to
            return (whole * clipped.sign()).cast(values.dtype)
        steps = (clipped / self.to).round(0, mode="half_away_from_zero")
        exponent = Decimal(str(self.to)).normalize().as_tuple().exponent
        decimals = max(0, -exponent) if isinstance(exponent, int) else 0
        rounded = (steps * self.to).round(decimals)
        # A negative zero would tell the sign of a value that was rounded away.
        return rounded.set(rounded == 0, 0.0)


@dataclass(frozen=True)
class TopCode(_Limited):
    """Values above ``limit`` are published as ``limit``."""

    name = "top_code"

    @classmethod
    def read(cls, reading: Reading) -> TopCode:
        need_number(reading.field)
        return cls(None, _limit(reading.section, "limit", reading.field))

    def field(self, field: Field) -> dict[str, Any]:
        return self._field(field, "")

    def apply(self, values: pl.Series) -> pl.Series:
        return self._clip(values)


@dataclass(frozen=True)
class BottomCode(_Limited):
    """Values below ``limit`` are published as ``limit``."""

    name = "bottom_code"

    @classmethod
    def read(cls, reading: Reading) -> BottomCode:
        need_number(reading.field)
        return cls(_limit(reading.section, "limit", reading.field), None)

    def field(self, field: Field) -> dict[str, Any]:
        return self._field(field, "")

    def apply(self, values: pl.Series) -> pl.Series:
        return self._clip(values)


def _limit(section: Section, key: str, field: Field) -> Number:
    value = section.number(key)
    if field.type == "integer" and not isinstance(value, int):
        raise MisfitError(f"{key} must be a whole number, as the column's values are")
    return value
