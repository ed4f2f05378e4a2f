"""What the leak test finds: where, and which kind of private value; never the value."""

from __future__ import annotations

from dataclasses import dataclass

VALUE, STRUCTURE = "value", "structure"


@dataclass(frozen=True, order=True)
class Leak:
    """One finding. ``path`` is relative to the release, ``layer`` what was looked at there
    (``bytes``, ``row group 0, column x, dictionary``, ``member a.csv``).

    ``kind`` is ``value`` (a private value stands there) or ``structure`` (something that could hold
    one and that nobody can see); ``what`` names the private set, or the structure.
    """

    path: str
    layer: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.layer}: {self.what}"
