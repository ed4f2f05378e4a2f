"""Data quality gates as data: the ``[gates]`` of a ``register.toml``.

A gate is a ceiling on the share of rows that have a code, or a band for the rows of a partition
against the previous release. What is not given has the defaults of these classes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from epc_release.schemas.section import Section


@dataclass(frozen=True)
class PreviousGates:
    """Bands against the previous release.

    A partition, year or table of at least ``from_rows`` rows may not fall below ``lowest`` times
    its rows, and none but a year may rise above ``highest`` times the larger of its rows and
    ``from_rows``. One of at least ``vanished_from_rows`` rows may not be gone altogether.
    """

    from_rows: int = 100
    vanished_from_rows: int = 10
    lowest: float = 0.8
    highest: float = 1.5


@dataclass(frozen=True)
class Gates:
    """Ceilings on shares of rows; they apply to tables of at least ``from_rows`` rows.

    ``rejected``: of the rows read, all codes together (copies of a published record left out).
    ``errors`` and ``warnings``: of the rows published, each code in each column. ``codes`` and, for
    one table, ``tables`` have a ceiling of their own for a code: of the rows read where it rejects
    records, of the rows published where it is of cells.
    """

    from_rows: int = 1000
    rejected: float = 0.02
    errors: float = 0.2
    warnings: float = 1.0
    codes: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    previous: PreviousGates = field(default_factory=PreviousGates)

    def own(self, table: str, code: str) -> float | None:
        """The ceiling that is set for this code, the table's before that of all."""
        return self.tables.get(table, {}).get(code, self.codes.get(code))

    def of_cells(self, table: str, code: str, severity: str) -> float:
        """The ceiling for a code of cells; ``severity`` is error or warning."""
        own = self.own(table, code)
        if own is not None:
            return own
        return self.errors if severity == "error" else self.warnings


def read_gates(section: Section, tables: Collection[str]) -> Gates:
    """The gates of a register. Raises E121 for what is unknown or no share."""
    section.only("from_rows", "rejected", "errors", "warnings", "codes", "tables", "previous")
    own = section.section("tables")
    own.only(*tables)
    return Gates(
        from_rows=_rows(section, "from_rows", Gates.from_rows),
        rejected=_share(section, "rejected", Gates.rejected),
        errors=_share(section, "errors", Gates.errors),
        warnings=_share(section, "warnings", Gates.warnings),
        codes=_shares(section.section("codes")),
        tables={table: _shares(own.section(table)) for table in own.values},
        previous=_previous(section.section("previous")),
    )


def _previous(section: Section) -> PreviousGates:
    section.only("from_rows", "vanished_from_rows", "lowest", "highest")
    highest = _number(section, "highest", PreviousGates.highest)
    if highest < 1:
        raise section.wrong("highest must be at least 1")
    return PreviousGates(
        from_rows=_rows(section, "from_rows", PreviousGates.from_rows),
        vanished_from_rows=_rows(section, "vanished_from_rows", PreviousGates.vanished_from_rows),
        lowest=_share(section, "lowest", PreviousGates.lowest),
        highest=highest,
    )


def _shares(section: Section) -> dict[str, float]:
    return {code: _share(section, code, 1.0) for code in section.values}


def _share(section: Section, key: str, default: float) -> float:
    value = _number(section, key, default)
    if value > 1:
        raise section.wrong(f"{key} must be a share from 0 to 1")
    return value


def _number(section: Section, key: str, default: float) -> float:
    value = section.values.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise section.wrong(f"{key} must be a number, 0 or more")
    return float(value)


def _rows(section: Section, key: str, default: int) -> int:
    return section.count(key) or default
