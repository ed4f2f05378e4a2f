"""``diff``: two releases, wherever they are, to a report and, where asked for, the lists."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.changes import REPLACED, SAME, Changes, TableChange
from epc_release.release.changes.compare import Comparison, compare
from epc_release.release.changes.sides import open_side
from epc_release.release.execute import Executor
from epc_release.release.progress import Progress

_COLUMNS = 12  # that are named of a table


@dataclass(frozen=True)
class DiffReport:
    """What changed, by table, and where the lists stand."""

    changes: Changes
    out: Path | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "from": self.changes.old[0],
            "to": self.changes.new[0],
            "out": self.out,
            "tables": [
                {
                    "name": table.name,
                    "status": table.status,
                    **({"why": table.why} if table.why else {}),
                    **table.counts,
                    "columns": dict(table.columns),
                    "partitions": [
                        {"value": each.value, **each.counts}
                        for each in table.partitions
                        if not each.same
                    ],
                }
                for table in self.changes.tables
            ],
        }

    def __str__(self) -> str:
        lines = [f"{self.changes.old[0]} -> {self.changes.new[0]}"]
        lines += [line for table in self.changes.tables for line in _lines(table)]
        return "\n".join([*lines, *([f"Lists: {self.out}"] if self.out else [])])


def _lines(table: TableChange) -> list[str]:
    if table.status == SAME:
        return [f"{table.name}: the same"]
    if table.status == REPLACED:
        return [f"{table.name}: replaced ({table.why})"]
    other = sum(not each.same for each in table.partitions)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in table.counts.items())
    head = f"{table.name}: {counts or table.status}; {other} of {len(table.partitions)} partitions"
    most = sorted(table.columns.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{name} {count:,}" for name, count in most[:_COLUMNS]]
    told += [f"and {len(most) - _COLUMNS} others"] if len(most) > _COLUMNS else []
    return [head, *([f"  columns: {', '.join(told)}"] if told else [])]


def difference(
    old: str, new: str, out: Path | None, work: Path, executor: Executor, progress: Progress
) -> DiffReport:
    """Compare two releases; ``work`` is a private folder that is empty.

    Raises E450 and E744, and what reading a release raises. Where ``out`` is given, it appears when
    all of it is written.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError("E744", folder=out)
    made = work / "made" if out is None else out.with_name(f".{out.name}.part")
    shutil.rmtree(made, ignore_errors=True)  # what a run that was killed left
    job = Comparison(
        open_side(old, work / "old"),
        open_side(new, work / "new"),
        work / "tables",
        made,
        executor,
        progress,
    )
    try:
        changes, _ = compare(job)
        if out is not None:
            if out.is_dir():
                out.rmdir()
            made.rename(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return DiffReport(changes, out)
