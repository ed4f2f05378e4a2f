"""The way of a measuring: files -> batches -> coded rows -> classes -> summary.

Files are read once; only where a column has too many distinct values to be remembered are they
read again from the start, that column coded in another way.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import polars as pl

from epc_release.anonymise.risk import Summary
from epc_release.errors import ReleaseError
from epc_release.release.progress import Progress
from epc_release.release.risk.batches import Batch, batches
from epc_release.release.risk.classes import IN_ONE, PARTITION, Measurer, together
from epc_release.release.risk.coders import WHOLE, Coder, Dictionary, Digest, TooManyValues, Whole
from epc_release.release.risk.held import Held
from epc_release.release.risk.ordering import Ordering, order
from epc_release.release.risk.report import RiskReport
from epc_release.release.risk.request import Request
from epc_release.release.risk.tables import Tables, tables
from epc_release.release.workspace import temporary

PREFIX: Final = "epc-release-risk-"
BASE: Final = 320 << 20  # bytes of a process that has read a batch
LEAST: Final = 64 << 20  # bytes for rows, however little memory is given
VALUE: Final = 250  # bytes that a remembered value takes, about
SHARE: Final = 8  # the part of the room that one column's values may take


def measure(request: Request, progress: Progress) -> RiskReport:
    """Measure the files of a request; raises E201 to E276 for files and columns."""
    request.check()
    found = tables(request)
    with temporary(request.work or Path(tempfile.gettempdir()), PREFIX) as work:
        run = _Run(found, request, work)
        while True:
            try:
                return run.report(progress)
            except TooManyValues as error:
                run.another_way(error.slot)


class _Run:
    def __init__(self, found: Tables, request: Request, work: Path) -> None:
        self.found, self.slots, self.request, self.work = found, found.slots, request, work
        self.room = max(LEAST, request.memory - BASE)
        self.tried: Counter[str] = Counter()

    def another_way(self, slot: str) -> None:
        """The next way of coding a slot; E274 for one whose values themselves are needed."""
        if slot in self.slots.sensitive or slot == self.slots.partition:
            raise ReleaseError("E274", column=slot)
        self.tried[slot] += 1

    def report(self, progress: Progress) -> RiskReport:
        """The measures; raises TooManyValues for a slot that must be coded in another way."""
        coders = {name: self._coder(name) for name in self.slots.names}
        keys = sum(coders[name].width for name in self.slots.keys)
        with closing(Held(self.room, IN_ONE, keys, self.work)) as held:
            self._read(coders, held, progress)
            orderings = {name: self._ordering(name, coders[name]) for name in self.slots.sensitive}
            measurer = Measurer(self.slots, coders, orderings, self.request.k, os.cpu_count() or 1)
            summary, partitions = self._measured(measurer, held)
        return RiskReport(
            files=tuple(part.name for part in self.found.parts),
            keys=self.slots.keys,
            unit=self.slots.unit,
            ordered=tuple(name for name, each in orderings.items() if each.ordered),
            summary=summary,
            partition=self.slots.partition,
            worst=self._worst(coders, partitions),
        )

    def _coder(self, slot: str) -> Coder:
        """Dictionary, Whole where it can be, Digest; units are too many for the first."""
        columns = self.slots.columns[slot]
        ways: list[str] = ["dictionary"] if slot != self.slots.unit else []
        if len(columns) > 1:
            return Digest()
        numbers = self.found.families[columns[0]] in WHOLE
        if slot == self.slots.unit and not numbers:
            ways = ["dictionary"]
        ways += ["whole"] if numbers else []
        match [*ways, "digest"][self.tried[slot]]:
            case "dictionary":
                limit = self.room // SHARE // VALUE
                return Dictionary(slot, limit, count=slot in self.slots.sensitive)
            case "whole":
                return Whole(slot)
            case _:
                return Digest()

    def _read(self, coders: Mapping[str, Coder], held: Held, progress: Progress) -> None:
        coded = {
            column
            for name, coder in coders.items()
            if isinstance(coder, Dictionary)
            for column in self.slots.columns[name]
        }
        total = sum(part.bytes for part in self.found.parts)
        with progress.stage("read", total, "bytes") as advance:
            for part in self.found.parts:
                for batch in batches(part, self.slots.wanted, coded, self.work):
                    held.add(self._words(coders, batch))
                    advance(batch.consumed)

    def _words(self, coders: Mapping[str, Coder], batch: Batch) -> tuple[Any, ...]:
        found: list[Any] = []
        for name in self.slots.names:
            arrays = [batch.columns[column] for column in self.slots.columns[name]]
            found += coders[name].add(arrays, empty=batch.empty)
        return tuple(found)

    def _ordering(self, name: str, coder: Coder) -> Ordering:
        if not isinstance(coder, Dictionary):
            raise TypeError(f"{name} is not coded by its values")
        return order(
            coder.values,
            coder.counts,
            ordered=name in self.request.ordered,
            untyped=self.found.untyped,
        )

    def _measured(self, measurer: Measurer, held: Held) -> tuple[Summary, list[pl.DataFrame]]:
        summary = Summary(self.request.k)
        partitions: list[pl.DataFrame] = []
        for part in held.parts(measurer.row):
            for found in measurer.measure(part):
                summary = summary + found.summary
                partitions += [] if found.partitions is None else [found.partitions]
        return summary, partitions

    def _worst(
        self, coders: Mapping[str, Coder], partitions: list[pl.DataFrame]
    ) -> dict[str, Any] | None:
        """The partition of the smallest k; of several, the greatest share of rows below."""
        coder = coders.get(self.slots.partition or "")
        if not isinstance(coder, Dictionary) or not partitions:
            return None
        values = coder.values
        found = together(partitions).to_dicts()
        worst = min(
            found,
            key=lambda one: (
                one["k"],
                -one["rows_below_k"] / one["rows"],
                str(values[one[PARTITION]]),
            ),
        )
        value = values[worst.pop(PARTITION)]
        return {"value": None if value is None else str(value), **worst, "partitions": len(found)}
