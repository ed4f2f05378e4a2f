"""What every task of a run knows: written once by the driver, read once by each process."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TypeVar

Kind = TypeVar("Kind")


def save(value: object, work: Path) -> Path:
    """Write ``value`` into the private folder ``work``, where tasks find it."""
    path = work / "job.pickle"
    path.write_bytes(pickle.dumps(value))
    return path


def load(path: Path, kind: type[Kind]) -> Kind:
    """What was saved at ``path``; it must be of that kind."""
    found = pickle.loads(path.read_bytes())  # noqa: S301 - our own, in a folder of mode 0700
    if not isinstance(found, kind):
        raise TypeError(f"{path} holds no {kind.__name__}")
    return found
