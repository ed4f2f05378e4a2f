"""A whole synthetic extract of a register, written chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epc_release.errors import ReleaseError
from epc_release.release.synth.calendar import make_calendar
from epc_release.release.synth.canaries import CanaryList, Planter, withheld_by_policies
from epc_release.release.synth.compile import Compiler, count_table, record_table
from epc_release.release.synth.control import SUPPRESSIONS, SuppressionWriter, write_control
from epc_release.release.synth.layout import Layout, lay_out
from epc_release.release.synth.places import choose_places
from epc_release.release.synth.plan import (
    chosen_tables,
    chunks,
    dialects_of,
    header_of,
    split_rows,
)
from epc_release.release.synth.population import Population
from epc_release.release.synth.report import SynthReport
from epc_release.release.synth.spec import CaseSpec, SynthSpec, load_spec
from epc_release.release.synth.tables import ChildMaker, ParentMaker
from epc_release.release.synth.write import FORMATS, ExtractFile, TableFile, open_table
from epc_release.schemas.load import load_codelist
from epc_release.schemas.register import Register, Table, TableDialect

Progress = Callable[[str, int], None]
"""Told the table and the number of rows, after each chunk."""


def synthesise(
    out: Path,
    *,
    rows: int,
    seed: int = 0,
    register: Register,
    dialect: str | None = None,
    format: str = "csv",  # noqa: A002 - the name of the option
    tables: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> SynthReport:
    """Write a synthetic extract of ``rows`` certificates and their recommendations to ``out``.

    The certificates are shared out over the register's tables (or over those in ``tables``). The
    same rows, seed, dialect, tables and version give the same cells, in every format. Memory holds
    one chunk of one table. ``out`` must be new or empty. No address in it is a real one.

    Without a ``dialect`` it is the one that ``synth.toml`` names.

    Raises E180, E181 (the register's ``synth.toml``), E182 (rows), E183 (an unknown dialect, format
    or table; Parquet in a dialect without header) and E184 (``out`` is not empty).
    """
    if format not in FORMATS:
        raise ReleaseError("E183", kind="format", name=format, known=", ".join(FORMATS))
    chosen = chosen_tables(register, tables)
    spec = load_spec(register)
    dialect = dialect or spec.dialect
    dialects = dialects_of(register, dialect)
    if format == "parquet" and not all(known.headed for known in dialects.values()):
        raise ReleaseError("E183", kind="format", name=format, known=", ".join(FORMATS[:-1]))
    split = split_rows(register, spec, chosen, rows)
    _prepare(out)
    work = _Work(register, spec, seed, rows, dialects, split)
    files: dict[str, ExtractFile] = {}
    excluded: dict[str, dict[str, int]] = {}
    canaries = CanaryList(withheld_by_policies(register))
    suppressions = SuppressionWriter(out / SUPPRESSIONS, seed, spec.snapshot)
    for parent in split:
        made = _Family(work, parent, chosen, canaries)
        files |= made.write(out, format, suppressions, progress)
        excluded[parent] = made.excluded
    canaries.write(out / "private")
    ordered = {name: files[name] for name in chosen}
    write_control(out, register.name, dialect, spec.snapshot, ordered)
    return SynthReport(out, ordered, excluded, len(canaries.entries))


def _prepare(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError("E184", folder=out)
    out.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class _Work:
    """What all tables of a run share."""

    register: Register
    spec: SynthSpec
    seed: int
    rows: int
    dialects: Mapping[str, TableDialect]
    split: Mapping[str, int]


class _Family:
    """A table of certificates and its children, made together so that they share a layout."""

    def __init__(
        self, work: _Work, parent: str, chosen: Sequence[str], canaries: CanaryList
    ) -> None:
        self._work = work
        self._parent = work.register.table(parent)
        self._rows = work.split[parent]
        self._cases = _cases(work, parent)
        self._canaries = canaries
        spec = work.spec
        named = spec.places.get("codelist")
        self._places = choose_places(
            load_codelist(named) if named else work.register.codelists[self._parent.partition],
            spec.places,
            work.rows,
        )
        self._calendar = make_calendar(spec.years, spec.floor, spec.snapshot.date(), self._rows)
        children = [t.name for t in work.register.tables if t.parent == parent]
        self._tables = [name for name in (parent, *children) if name in chosen]
        self.excluded = {case.name: 0 for case in self._cases}

    def write(
        self,
        out: Path,
        fmt: str,
        suppressions: SuppressionWriter,
        progress: Progress | None,
    ) -> dict[str, ExtractFile]:
        """All files of the family."""
        makers = {name: self._maker(name) for name in self._tables}
        files: dict[str, TableFile] = {}
        for name, maker in makers.items():
            header = tuple(spelling for spelling, _ in maker.header)
            headed = self._work.dialects[name].headed
            files[name] = open_table(out, name, fmt, header, headed=headed)
        for first, size in chunks(self._rows):
            layout = lay_out(
                self._work.seed, self._work.spec, self._parent.name, self._cases, first, size
            )
            self._suppress(layout, suppressions)
            for name, maker in makers.items():
                frame = maker.frame(layout)
                files[name].write(frame)
                if progress:
                    progress(name, frame.height)
        return {name: file.close() for name, file in files.items()}

    def _suppress(self, layout: Layout, suppressions: SuppressionWriter) -> None:
        key = self._compiler(self._parent).key()
        for case in self._cases:
            self.excluded[case.name] += len(layout.cases[case.name])
            if case.events:
                rows = layout.cases[case.name]
                ways = [case.events[i % len(case.events)] for i in range(len(rows))]
                suppressions.add(key.texts(layout.certificates[rows]), ways)
        back = key.texts(layout.certificates[layout.returned])
        suppressions.add(back, ["returns"] * len(back))
        if layout.certificates[0] == 0:
            unknown = self._compiler(self._parent).key("unknown").texts(layout.certificates[:2])
            suppressions.add(unknown, ["out"] * len(unknown))

    def _maker(self, name: str) -> ParentMaker | ChildMaker:
        work, table = self._work, self._work.register.table(name)
        spec = work.spec.tables[name]
        header = header_of(work.dialects[name], table.schema.names)
        columns = self._compiler(table).columns([column for _, column in header])
        planter = Planter(work.seed, table, self._canaries)
        faults = work.spec.faults
        unreadable = (*faults["unreadable"]["date"], None)
        if table.parent:
            return ChildMaker(
                work.seed, spec, None, header, columns, planter, unreadable,
                counts=count_table(spec),
                records=record_table(spec),
                duplicates=float(faults["duplicates"]),
            )  # fmt: skip
        return ParentMaker(
            work.seed, spec, table.year, header, columns, planter, unreadable,
            population=self._population(),
            cases=self._cases,
        )  # fmt: skip

    def _compiler(self, table: Table) -> Compiler:
        work = self._work
        return Compiler(
            seed=work.seed,
            spec=work.spec,
            table=table,
            dialect=work.dialects[table.name],
            parent=self._parent.name,
            number=self._number(),
            places=self._places,
            calendar=self._calendar,
        )

    def _number(self) -> int:
        """The number of the parent table, which keeps keys of different tables apart."""
        parents = [table.name for table in self._work.register.tables if table.parent is None]
        return parents.index(self._parent.name)

    def _population(self) -> Population:
        spec = self._work.spec.tables[self._parent.name]
        share = float(spec.blocks.get("share", 0))
        return Population(
            seed=self._work.seed,
            table=self._parent.name,
            properties=max(1, int(self._rows * spec.properties)),
            blocks=max(1, int(np.ceil(self._rows * share / float(spec.blocks.get("size", 1))))),
            block_share=share,
            places=self._places,
        )


def _cases(work: _Work, table: str) -> tuple[CaseSpec, ...]:
    """The cases that files of this dialect still hold: not screened upstream, columns there."""
    dialect = work.dialects[table]
    there = {name for _, name in header_of(dialect, work.register.table(table).schema.names)}
    return tuple(
        case
        for case in work.spec.cases
        if table in case.tables
        and case.rule not in dialect.screened_upstream
        and (set(case.values) <= there or case.events)
    )
