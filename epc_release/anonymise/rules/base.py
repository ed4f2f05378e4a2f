"""What every field rule is: settings, a published field, and a vectorised change of one column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from epc_release.anonymise.document import Section
from epc_release.anonymise.used import Used
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import Field

NUMERIC = ("integer", "number")
# How cells were spelt in the input says nothing of the published ones, which are canonical.
INPUT_SPELLING = (
    "missingValues",
    "trueValues",
    "falseValues",
    "decimalChar",
    "groupChar",
    "bareNumber",
    "extractOnly",
)
ONLY_IF_PUBLISHED = ", where the record that it names is published, else missing"
DATETIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class MisfitError(ValueError):
    """A rule cannot be applied to a column; the text says why."""


@dataclass(frozen=True)
class Reading:
    """What a rule is read from: its settings, and the column of a table that it is for."""

    section: Section
    field: Field
    table: Table
    register: Register


class Rule(ABC):
    """A field rule: a frozen dataclass of settings that were checked when they were read."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def words(self) -> str:
        """What becomes of a cell, for whoever reviews the policy."""

    @property
    def used(self) -> tuple[Used, ...]:
        """The files that it follows."""
        return ()


class Published(Rule):
    """A rule under which a column is published.

    One row in, one row out, in the same order; a missing cell stays missing.
    """

    @abstractmethod
    def field(self, field: Field) -> dict[str, Any]:
        """The published field's descriptor."""


class CellRule(Published):
    """A rule that needs nothing but the column."""

    @abstractmethod
    def apply(self, values: pl.Series) -> pl.Series:
        """The published column."""


def described(
    field: Field, says: str = "", required: bool | None = None, **changes: Any
) -> dict[str, Any]:
    """A field of text that keeps name, title, description, licence and whether it is required.

    ``says`` is added to the description; ``changes`` are further properties, constraints without
    ``required`` among them.
    """
    kept = ("name", "title", "description", "licence")
    found = {key: field.descriptor[key] for key in kept if key in field.descriptor}
    if says:
        found["description"] = f"{found.get('description', '')} {says}".strip()
    found["type"] = changes.pop("type", "string")
    constraints = dict(changes.pop("constraints", {}))
    if field.required if required is None else required:
        constraints = {"required": True, **constraints}
    found.update(changes)
    if constraints:
        found["constraints"] = constraints
    return found


def on_distinct(values: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply a change of text; a Categorical column pays for its distinct values only and stays one.

    ``change`` takes and gives String, row by row.
    """
    if values.dtype != pl.Categorical:
        return change(values.cast(pl.String))
    distinct = values.unique().cast(pl.String).drop_nulls()
    changed = change(distinct)
    return values.replace_strict(distinct, changed, default=None, return_dtype=pl.Categorical)


def need_text(field: Field) -> None:
    """Raises MisfitError unless the column holds text."""
    if field.type in (*NUMERIC, "boolean", "date", "datetime"):
        raise MisfitError(f"it takes text, and the column holds {field.type} values")


def read_only_if_published(reading: Reading) -> bool:
    """The setting ``only_if_published``: the column names records of the table's parent, or of the
    table itself where it has none, and those that are not published are not named.

    Raises MisfitError unless the column's ``kind`` of identifier is that of those records' key.
    """
    if not reading.section.flag("only_if_published", False):
        return False
    table = reading.table
    owner = reading.register.table(table.parent) if table.parent else table
    kinds = [owner.schema.by_name[name].descriptor.get("kind") for name in owner.key]
    kind = reading.field.descriptor.get("kind")
    if kind is None or kinds != [kind]:
        raise MisfitError(f"only_if_published is for columns that name records of {owner.name}")
    if reading.field.name in (*table.key, *table.schema.primary_key, table.partition):
        raise MisfitError("only_if_published can make it missing, and records join or stand by it")
    return True


def need_number(field: Field) -> None:
    """Raises MisfitError unless the column holds numbers."""
    if field.type not in NUMERIC:
        raise MisfitError(f"it takes numbers, and the column holds {field.type} values")
