"""Rules that leave cells as they are, remove some of them, or remove the column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from epc_release.anonymise.document import Section
from epc_release.anonymise.rules.base import (
    DATETIME_FORMAT,
    INPUT_SPELLING,
    ONLY_IF_PUBLISHED,
    CellRule,
    MisfitError,
    Reading,
    Rule,
    described,
    need_text,
    on_distinct,
    read_only_if_published,
)
from epc_release.anonymise.used import Used
from epc_release.schemas.table import Field

# A longer list of values would only swell the descriptor; the code list stands beside it.
ENUM_LIMIT = 100


@dataclass(frozen=True)
class Keep(CellRule):
    """Published as conformed; ``only_if_published``: where the record that it names is as well."""

    name = "keep"
    only_if_published: bool = False

    @property
    def words(self) -> str:
        return "published as it is" + (ONLY_IF_PUBLISHED if self.only_if_published else "")

    @classmethod
    def read(cls, reading: Reading) -> Keep:
        return cls(read_only_if_published(reading))

    def field(self, field: Field) -> dict[str, Any]:
        found = {k: v for k, v in field.descriptor.items() if k not in INPUT_SPELLING}
        if field.type == "datetime":
            found["format"] = DATETIME_FORMAT
        elif field.type == "date":
            found.pop("format", None)
        return found

    def apply(self, values: pl.Series) -> pl.Series:
        return values


@dataclass(frozen=True)
class Drop(Rule):
    """Not published. The column is not even parsed unless a record rule asks for it."""

    name = "drop"

    @property
    def words(self) -> str:
        return "not published"


@dataclass(frozen=True)
class KeepKnown(CellRule):
    """Published where the value is a known one; any other is published missing.

    Known are the ``values`` that the policy lists, the codes and names of a ``codelist``, or else
    those of the column's schema (``enum``, ``categories`` or ``known_values``). Text is compared
    without regard to case and outer blanks and published in the list's spelling, so that nothing
    but the list's own words can come out of an open text column.
    """

    name = "keep_known"
    values: tuple[str, ...] | tuple[int, ...]
    codelist: Used | None = None

    @property
    def words(self) -> str:
        where = f"names in the code list {self.codelist.name}" if self.codelist else "known values"
        return f"published where it is one of {len(self.values):,} {where}, else missing"

    @property
    def used(self) -> tuple[Used, ...]:
        return (self.codelist,) if self.codelist else ()

    @classmethod
    def read(cls, reading: Reading) -> KeepKnown:
        section, field = reading.section, reading.field
        if field.type == "integer":
            return cls(tuple(int(value) for value in _listed(field)))
        need_text(field)
        if "values" in section:
            return cls(section.texts("values"))
        if "codelist" in section:
            name = section.text("codelist")
            if name not in reading.register.codelists:
                section.wrong("codelist", f"the register has no code list of column {name}")
            codes = reading.register.codelists[name]
            used = Used("code list", codes.name, codes.sha256)
            return cls((*codes.names, *codes.names.values()), used)
        return cls(tuple(str(value) for value in _listed(field)))

    def field(self, field: Field) -> dict[str, Any]:
        says = "Values that are not in a reviewed list are published as missing."
        values = sorted(set(self._canonical().values())) if self._canonical() else list(self.values)
        constraints = {"enum": values} if len(values) <= ENUM_LIMIT else {}
        unit = {k: field.descriptor[k] for k in ("unit",) if k in field.descriptor}
        kept = {"type": field.type, "constraints": constraints, **unit}
        return described(field, says, required=False, **kept)

    def apply(self, values: pl.Series) -> pl.Series:
        if values.dtype.is_integer():
            return values.set(~values.is_in(list(self.values)), None)
        return on_distinct(values, self._known_only)

    def _known_only(self, values: pl.Series) -> pl.Series:
        plain = values.str.strip_chars().str.to_lowercase()
        return plain.replace_strict(self._canonical(), default=None, return_dtype=pl.String)

    def _canonical(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for value in self.values:
            if isinstance(value, str):
                found.setdefault(value.strip().lower(), value)
        return found


@dataclass(frozen=True)
class KeepMatching(CellRule):
    """Published where ``pattern`` (Rust regular expression) matches the whole value; any other
    value is published missing."""

    name = "keep_matching"
    pattern: str

    @property
    def words(self) -> str:
        return f"published where all of it matches `{self.pattern}`, else missing"

    @classmethod
    def read(cls, reading: Reading) -> KeepMatching:
        need_text(reading.field)
        return cls(_checked_pattern(reading.section))

    @property
    def whole(self) -> str:
        return f"^(?:{self.pattern})$"

    def field(self, field: Field) -> dict[str, Any]:
        says = "Values of another form are published as missing."
        return described(field, says, required=False, constraints={"pattern": self.whole})

    def apply(self, values: pl.Series) -> pl.Series:
        return on_distinct(values, lambda text: text.set(~text.str.contains(self.whole), None))


@dataclass(frozen=True)
class Redact(CellRule):
    """What matches ``pattern`` (Rust regular expression) is replaced by ``replacement``."""

    name = "redact"
    pattern: str
    replacement: str

    @property
    def words(self) -> str:
        return f"published with what matches `{self.pattern}` replaced by `{self.replacement}`"

    @classmethod
    def read(cls, reading: Reading) -> Redact:
        need_text(reading.field)
        pattern = _checked_pattern(reading.section)
        with_ = reading.section.text("with") if "with" in reading.section else "[removed]"
        return cls(pattern, with_)

    def field(self, field: Field) -> dict[str, Any]:
        return described(field, f"Parts that may identify are replaced by {self.replacement!r}.")

    def apply(self, values: pl.Series) -> pl.Series:
        literal = self.replacement.replace("$", "$$")
        return on_distinct(values, lambda text: text.str.replace_all(self.pattern, literal))


def _listed(field: Field) -> list[Any]:
    for listed in (
        field.constraints.get("enum"),
        field.descriptor.get("categories"),
        field.descriptor.get("known_values"),
    ):
        if listed:
            return [v["value"] if isinstance(v, dict) else v for v in listed]
    raise MisfitError("its Table Schema lists no values: name values or a codelist, or drop it")


def _checked_pattern(section: Section) -> str:
    pattern = section.text("pattern")
    try:
        pl.Series(["x"]).str.contains(pattern)
    except pl.exceptions.PolarsError:
        section.wrong("pattern", "pattern is not a regular expression")
    return pattern
