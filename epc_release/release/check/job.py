"""What every task of a check knows: the tables, the keys to print, and where things lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from epc_release.release.check.targets import Target
from epc_release.release.saved import load
from epc_release.schemas.checks import KeyCheck, table_keys
from epc_release.schemas.types import DTYPES


@dataclass(frozen=True)
class Print:
    """A fingerprint to take of each row of ``table``: of a key's ``columns``, or (none) of all."""

    table: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyRule:
    """A rule over all rows of a table; ``own`` and ``other`` are places in ``Job.prints``.

    ``other`` is the parent's side of a foreign key.
    """

    table: str
    code: str
    columns: tuple[str, ...]
    own: int
    other: int | None = None

    @property
    def field(self) -> str:
        return ", ".join(self.columns)


@dataclass(frozen=True)
class Job:
    """A check: ``prints`` are taken chunk by chunk, ``rules`` settled bucket by bucket."""

    targets: tuple[Target, ...]
    prints: tuple[Print, ...]
    rules: tuple[KeyRule, ...]
    unchecked: tuple[str, ...]
    work: Path
    buckets: int
    samples: int
    bucket_rows: int

    def target(self, table: str) -> Target:
        return next(target for target in self.targets if target.name == table)


@dataclass(frozen=True)
class KeyPlan:
    """Prints and rules of all tables, and foreign keys that cannot be checked (said in words)."""

    prints: tuple[Print, ...]
    rules: tuple[KeyRule, ...]
    unchecked: tuple[str, ...]


def plan_keys(targets: Sequence[Target], present: Sequence[str]) -> KeyPlan:
    """The rules over whole tables; ``present`` are the tables of which there are files."""
    prints: dict[Print, int] = {}
    rules: list[KeyRule] = []
    unchecked: list[str] = []

    def place(table: str, columns: tuple[str, ...]) -> int:
        return prints.setdefault(Print(table, columns), len(prints))

    for target in targets:
        if target.name not in present:
            continue
        if not target.schema.primary_key:  # with one, a repeated row is a repeated key
            rules.append(KeyRule(target.name, "duplicate-row", (), place(target.name, ())))
        for key in table_keys(target.schema):
            if key.kind != "foreign":
                own = place(target.name, key.columns)
                rules.append(KeyRule(target.name, key.code, key.columns, own))
                continue
            other = key.resource or target.name
            why = _why_unchecked(key, target, other, targets, present)
            if why:
                unchecked.append(why)
                continue
            own = place(target.name, key.columns)
            rule = KeyRule(target.name, key.code, key.columns, own, place(other, key.reference))
            rules.append(rule)
    return KeyPlan(tuple(prints), tuple(rules), tuple(unchecked))


def _why_unchecked(
    key: KeyCheck, own: Target, other: str, targets: Sequence[Target], present: Sequence[str]
) -> str:
    """Why a foreign key cannot be checked; empty where it can."""
    columns = ", ".join(key.columns)
    target = next((one for one in targets if one.name == other), None)
    if target is None or other not in present:
        return f"foreign key of {columns}: no file of {other or 'the table'} is given"
    if not set(key.reference) <= set(target.schema.names):
        return f"foreign key of {columns}: {other} has no {', '.join(key.reference)}"
    if _types(own, key.columns) != _types(target, key.reference):
        return f"foreign key of {columns}: {other} has other types there"
    return ""


def _types(target: Target, columns: Sequence[str]) -> list[object]:
    return [DTYPES[target.schema.by_name[name].type] for name in columns]


@lru_cache(maxsize=2)
def load_job(path: Path) -> Job:
    """The job, loaded once in each process."""
    return load(path, Job)
