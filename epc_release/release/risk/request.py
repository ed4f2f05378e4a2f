"""What is asked of a measuring: files, columns and their roles, and room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from epc_release.errors import ReleaseError

ALL = "all columns"  # name of the one slot that is made of every column


@dataclass(frozen=True)
class Request:
    """``keys`` empty: all columns that have no other role, together.

    ``ordered``: sensitive columns of which ``t`` is the earth mover's distance though they are no
    numbers. ``partition`` is a key as well. ``table`` names one of a release. ``memory`` in bytes.
    """

    paths: tuple[str, ...]
    keys: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    unit: str | None = None
    partition: str | None = None
    k: int = 5
    memory: int = 1536 << 20
    table: str | None = None
    encoding: str | None = None
    work: Path | None = None

    def check(self) -> None:
        """Raises E271 where a column has two roles that exclude each other."""
        keys = {*self.keys, self.partition} - {None}
        for name in self.sensitive:
            if name in keys or name == self.unit:
                other = "a key" if name in keys else "the unit"
                raise ReleaseError("E271", column=name, problem=f"cannot be sensitive and {other}")
        if self.partition is not None and self.partition == self.unit:
            problem = "cannot be the partition and the unit"
            raise ReleaseError("E271", column=self.unit, problem=problem)
        for name in self.ordered:
            if name not in self.sensitive:
                raise ReleaseError("E271", column=name, problem="is ordered but not sensitive")


@dataclass(frozen=True)
class Slots:
    """The columns of each role, each named once; the partition is the first key.

    A role may be made of several columns (all of them together), so a slot is a name and columns.
    """

    keys: tuple[str, ...]
    sensitive: tuple[str, ...]
    unit: str | None
    partition: str | None
    columns: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """All slots in order: keys, sensitive, unit (which may be a key, too)."""
        unit = () if self.unit is None else (self.unit,)
        return tuple(dict.fromkeys((*self.keys, *self.sensitive, *unit)))

    @property
    def wanted(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(dict.fromkeys(c for name in self.names for c in self.columns[name]))

    @classmethod
    def of(cls, request: Request, header: tuple[str, ...]) -> Slots:
        """The slots of a request over files that have these columns.

        Raises E271 where no column is left to be a key.
        """
        first = () if request.partition is None else (request.partition,)
        keys = tuple(dict.fromkeys((*first, *request.keys)))
        sensitive = tuple(dict.fromkeys(request.sensitive))
        unit = () if request.unit is None else (request.unit,)
        columns: dict[str, tuple[str, ...]] = {n: (n,) for n in (*keys, *sensitive, *unit)}
        if not request.keys:
            keys = (*keys, ALL)
            columns[ALL] = tuple(name for name in header if name not in columns)
            if not columns[ALL]:
                problem = "is all there is, and has another role: nothing is left to be a key"
                raise ReleaseError("E271", column=", ".join(header), problem=problem)
        return cls(keys, sensitive, request.unit, request.partition, columns)
