"""Generalisation: a value is replaced by the value above it in a hierarchy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from epc_release.anonymise.hierarchy import (
    Hierarchy,
    load_hierarchy,
    of_codelist,
    over_codelist,
)
from epc_release.anonymise.rules.base import (
    CellRule,
    MisfitError,
    Reading,
    described,
    need_text,
    on_distinct,
)
from epc_release.anonymise.used import Used
from epc_release.schemas.table import Field

# A longer list of values would only swell the descriptor.
ENUM_LIMIT = 100
DATE_LEVELS: Mapping[str, str] = {
    "month": "^[0-9]{4}-(0[1-9]|1[0-2])$",
    "quarter": "^[0-9]{4}-Q[1-4]$",
    "year": "^[0-9]{4}$",
}
# Postcodes as Royal Mail forms them: area, district (outcode), sector, unit.
POSTCODE = r"^(([A-Z]{1,2})[0-9][A-Z0-9]?)([0-9])[A-Z]{2}$"
POSTCODE_LEVELS: Mapping[str, str] = {
    "sector": "^[A-Z]{1,2}[0-9][A-Z0-9]? [0-9]$",
    "outcode": "^[A-Z]{1,2}[0-9][A-Z0-9]?$",
    "area": "^[A-Z]{1,2}$",
}


class UnknownValuesError(ValueError):
    """Some distinct values are not in a hierarchy; it never says which."""

    def __init__(self, hierarchy: str, count: int) -> None:
        super().__init__(hierarchy, count)
        self.hierarchy = hierarchy
        self.count = count


@dataclass(frozen=True)
class Generalise(CellRule):
    """Dates to month, quarter or year; postcodes to sector, outcode or area; other text by a file
    or a code list.

    A postcode that has not the form of one is published missing; a value that a hierarchy does not
    have stops the build (E149), or is published missing where ``unknown_is_missing``.
    """

    name = "generalise"
    to: str
    hierarchy: Hierarchy | None = None
    unknown_is_missing: bool = False

    @property
    def words(self) -> str:
        by = f", as {self.hierarchy.used[0].name} says" if self.hierarchy else ""
        return f"published as its {self.to} only{by}"

    @property
    def used(self) -> tuple[Used, ...]:
        return self.hierarchy.used if self.hierarchy else ()

    @classmethod
    def read(cls, reading: Reading) -> Generalise:
        section, field = reading.section, reading.field
        to = section.text("to")
        if field.type in ("date", "datetime"):
            if to not in DATE_LEVELS:
                raise MisfitError(f"dates go to {', '.join(DATE_LEVELS)}")
            return cls(to)
        need_text(field)
        if not {"hierarchy", "codelist"} & set(section.left()):
            if to not in POSTCODE_LEVELS:
                known = ", ".join(POSTCODE_LEVELS)
                raise MisfitError(
                    f"a level other than {known} (of postcodes) needs a hierarchy or a codelist"
                )
            return cls(to)
        unknown = section.text("unknown", ("stop", "missing")) if "unknown" in section else "stop"
        return cls(to, _hierarchy(reading, to), unknown == "missing")

    def field(self, field: Field) -> dict[str, Any]:
        if self.hierarchy:
            known = sorted(set(self.hierarchy.coarser.values()))
            constraints: dict[str, Any] = {"enum": known} if len(known) <= ENUM_LIMIT else {}
            required = False if self.unknown_is_missing else None
            says = f"Published as {self.to}."
            return described(field, says, required=required, constraints=constraints)
        if field.type in ("date", "datetime"):
            pattern, says = DATE_LEVELS[self.to], f"Published as {self.to} only."
            return described(field, says, constraints={"pattern": pattern})
        says = f"Published as postcode {self.to}."
        form = {"pattern": POSTCODE_LEVELS[self.to]}
        return described(field, says, required=False, constraints=form)

    def apply(self, values: pl.Series) -> pl.Series:
        if values.dtype.is_temporal():
            return _date(values, self.to).cast(pl.Categorical)
        if self.hierarchy is None:
            return on_distinct(values, lambda text: _postcode(text, self.to))
        hierarchy = self.hierarchy
        coarse = on_distinct(values, lambda text: _coarse(text, hierarchy))
        if self.unknown_is_missing:
            return coarse
        unknown = values.filter(coarse.is_null() & values.is_not_null()).n_unique()
        if unknown:
            raise UnknownValuesError(self.hierarchy.name, unknown)
        return coarse


def _hierarchy(reading: Reading, to: str) -> Hierarchy:
    """The file, the code list, or the file over the code list."""
    section, codes = reading.section, None
    if "codelist" in section:
        column = section.text("codelist")
        if column not in reading.register.codelists:
            section.wrong("codelist", f"the register has no code list of column {column}")
        codes = reading.register.codelists[column]
    if "hierarchy" not in section and codes:
        try:
            return of_codelist(codes, to)
        except KeyError:
            section.wrong("to", f"the code list {codes.name} has no column {to}")
    name = section.text("hierarchy")
    levels = section.texts("levels") if "levels" in section else ()
    path = section.document.path.parent / name
    made = load_hierarchy(path, str(path), levels, to, name)
    return over_codelist(made, codes) if codes else made


def _coarse(text: pl.Series, hierarchy: Hierarchy) -> pl.Series:
    coarser = hierarchy.coarser
    if hierarchy.folded:
        text = text.str.strip_chars().str.to_lowercase()
        coarser = {value.strip().lower(): coarse for value, coarse in coarser.items()}
    return text.replace_strict(coarser, default=None, return_dtype=pl.String)


def _date(values: pl.Series, to: str) -> pl.Series:
    if to == "quarter":
        year, quarter = values.dt.strftime("%Y"), values.dt.quarter().cast(pl.String)
        return (year + "-Q" + quarter).alias(values.name)
    return values.dt.strftime("%Y" if to == "year" else "%Y-%m")


def _postcode(values: pl.Series, to: str) -> pl.Series:
    compact = values.str.to_uppercase().str.replace_all(r"\s", "")
    outcode = compact.str.extract(POSTCODE, 1)
    if to == "outcode":
        return outcode
    if to == "area":
        return compact.str.extract(POSTCODE, 2)
    return (outcode + " " + compact.str.extract(POSTCODE, 3)).alias(values.name)
