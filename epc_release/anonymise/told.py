"""What the rules of a policy tell of a table: its published columns, its partition and its year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from epc_release.anonymise.rules import Rule
from epc_release.anonymise.rules.base import Published
from epc_release.anonymise.rules.generalise import DATE_LEVELS, Generalise
from epc_release.anonymise.rules.plain import Keep, KeepKnown
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.schemas.register import Table


@dataclass(frozen=True)
class FieldRule:
    """What happens to one column: the rule, the column's class and the reason."""

    column: str
    rule: Rule
    column_class: str
    why: str
    line: int

    @property
    def only_if_published(self) -> bool:
        """Whether a cell is published only where the record that it names is."""
        return isinstance(self.rule, Keep | Pseudonymise) and self.rule.only_if_published


Rules = Mapping[str, Mapping[str, FieldRule]]  # table -> column -> its rule


def published_names(table: Table, rules: Rules) -> tuple[str, ...]:
    """The published columns in the register's order."""
    own = rules[table.name]
    return tuple(name for name in table.schema.names if isinstance(own[name].rule, Published))


def targeting(table: Table, rules: Rules) -> tuple[str, ...]:
    """The columns that name other records and stand only where these are published."""
    own = rules[table.name]
    return tuple(name for name in published_names(table, rules) if own[name].only_if_published)


def published_partition(table: Table, rules: Rules) -> str | None:
    """The column that partitions the published files, or None.

    A child has its parent's. Only a column whose published text is bounded makes paths: one that is
    kept, kept where known, or generalised.
    """
    rule = rules[table.parent or table.name][table.partition].rule
    return table.partition if isinstance(rule, Keep | KeepKnown | Generalise) else None


def published_year(table: Table, rules: Rules) -> str | None:
    """The column whose first four digits name the yearly archive, or None. A child has its
    parent's."""
    if table.year is None:
        return None
    rule = rules[table.parent or table.name][table.year].rule
    dated = isinstance(rule, Keep) or (isinstance(rule, Generalise) and rule.to in DATE_LEVELS)
    return table.year if dated else None


def paths(table: Table, rules: Rules) -> tuple[str, ...]:
    """The published columns that paths and archives of a table tell."""
    found = (published_partition(table, rules), published_year(table, rules))
    return tuple(dict.fromkeys(name for name in found if name is not None))
