"""Groups of neighbouring partitions: what one task protects and finishes at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from epc_release.release.settle import Piece
from epc_release.release.spill import Spill
from epc_release.schemas.register import Table


@dataclass(frozen=True)
class Group:
    """Partitions of a table: their labels in order, and where their rows stand.

    At most about ``window`` rows are held in memory by a task.
    """

    number: int
    table: str
    labels: tuple[str | None, ...]
    data: tuple[Piece, ...]
    window: int


def make_groups(
    tables: Sequence[Table],
    data: Mapping[str, Sequence[tuple[int, Spill]]],
    group_rows: Mapping[str, int],
    jobs: int,
) -> list[Group]:
    """The groups of all tables, of about ``group_rows`` rows by table; parents before children."""
    found: list[Group] = []
    for table in tables:
        spills = data[table.name]
        rows: dict[str | None, int] = defaultdict(int)
        for _, spill in spills:
            for part in spill.slices:
                rows[part.label] += part.rows
        if not rows:
            continue
        size = group_rows[table.name]
        for labels in _groups(rows, min(size, max(1, sum(rows.values()) // (4 * jobs)))):
            found.append(Group(len(found), table.name, labels, pieces(spills, labels), size))
    return found


def pieces(spills: Iterable[tuple[int, Spill]], labels: Iterable[str | None]) -> tuple[Piece, ...]:
    """The rows of these labels (neighbours in the order of the spills) in each spill."""
    wanted = tuple(labels)
    found = []
    for number, spill in sorted(spills, key=lambda pair: pair[0]):
        slices = [spill.places[label] for label in wanted if label in spill.places]
        if slices:
            found.append(Piece(spill.path, slices[0].start, slices[-1].stop, number))
    return tuple(found)


def _groups(rows: dict[str | None, int], size: int) -> Iterator[tuple[str | None, ...]]:
    """Neighbouring partitions of together about ``size`` rows; missing values come last."""
    group: list[str | None] = []
    held = 0
    for label in sorted(rows, key=lambda label: (label is None, label or "")):
        if group and held + rows[label] > size:
            yield tuple(group)
            group, held = [], 0
        group.append(label)
        held += rows[label]
    if group:
        yield tuple(group)
