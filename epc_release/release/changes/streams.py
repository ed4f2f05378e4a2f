"""What did not stay in a partition, with where it came from and where it went.

Grain: the records of one partition that changed, by window of the place that they come to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.changes.align import TO
from epc_release.release.changes.digests import NUMBER, ROW
from epc_release.release.changes.pairs import OTHER_PART, OTHER_ROW
from epc_release.release.spill import Range, Spill, read_range, write_ipc, write_spill

WINDOW_ROWS = 1 << 16
WINDOW = "window"
AT_PART, AT_ROW = "__part", "__row"  # where a record comes to stand in the new release
FROM_PART, FROM_ROW = "__from_part", "__from_row"
_PLACES = {ROW: pl.UInt32, OTHER_PART: pl.Int32, OTHER_ROW: pl.UInt32}


@dataclass(frozen=True)
class StreamTask:
    """The partition at ``position``: its records that did not stay, and what was paired of them."""

    position: int
    old: tuple[Path, ...]
    new: tuple[Path, ...]
    gone: tuple[Range, ...]
    come: tuple[Range, ...]
    moved: Path | None
    target: Path


@dataclass(frozen=True)
class Streamed:
    """What the partition has for the lists of changes.

    ``old`` and ``new`` are spills of whole records by window of the place that they come to:
    ``old`` as they were (of changed ones), ``new`` as they are. ``removed`` has the rows (UInt32)
    that are in the new release no more.
    """

    position: int
    old: tuple[Spill, ...]
    new: tuple[Spill, ...]
    removed: Path | None


def stream(task: StreamTask) -> Streamed:
    """Run one partition."""
    gone, come = _places(task.gone), _places(task.come)
    if task.moved is not None:
        both, here = read_range(task.moved), pl.lit(task.position, pl.Int32).alias(OTHER_PART)
        gone = pl.concat([gone, both.select(ROW, here, pl.col(TO).alias(OTHER_ROW))])
        back = both.select(pl.col(TO).alias(ROW), here, pl.col(ROW).alias(OTHER_ROW))
        come = pl.concat([come, back])
    changed = gone.filter(pl.col(OTHER_PART).is_not_null())
    old = _spills(task, "old", task.old, changed, (AT_PART, AT_ROW))
    at = pl.lit(task.position, pl.Int32).alias(AT_PART), pl.col(NUMBER).alias(AT_ROW)
    new = _spills(task, "new", task.new, come, (FROM_PART, FROM_ROW), at)
    removed = gone.filter(pl.col(OTHER_PART).is_null()).select(ROW).sort(ROW)
    path = task.target.with_suffix(".removed") if len(removed) else None
    if path is not None:
        write_ipc(path, removed.to_arrow())
    return Streamed(task.position, old, new, path)


def _places(pieces: tuple[Range, ...]) -> pl.DataFrame:
    parts = [each.read().select(*_PLACES) for each in pieces]
    return pl.concat([pl.DataFrame(schema=_PLACES), *parts])


def _spills(
    task: StreamTask,
    side: str,
    files: tuple[Path, ...],
    places: pl.DataFrame,
    names: tuple[str, str],
    own: tuple[pl.Expr, ...] = (),
) -> tuple[Spill, ...]:
    """The records at ``places``, with their places on the other side as ``names``, by window."""
    renamed = places.select(
        pl.col(ROW).alias(NUMBER),
        pl.col(OTHER_PART).alias(names[0]),
        pl.col(OTHER_ROW).alias(names[1]),
    )
    found: list[Spill] = []
    for file in files if len(places) else ():
        rows = read_range(file).join(renamed, on=NUMBER, maintain_order="left")
        if rows.height:
            label = pl.format("{}:{}", AT_PART, pl.col(AT_ROW) // WINDOW_ROWS).alias(WINDOW)
            labelled = rows.with_columns(*own).drop(NUMBER).with_columns(label)
            path = task.target.with_name(f"{task.target.name}-{side}-{len(found)}")
            found.append(write_spill(path, labelled, WINDOW, drop_label=True))
    return tuple(found)
