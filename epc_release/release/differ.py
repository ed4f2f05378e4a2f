"""Differ: the records of a release against those of the release before, bucket by bucket.

Grain: one bucket of a table's records by the key of the extract (of a child: its parent's), which
no change of the pseudonyms' key touches. What two releases tell together is more than either tells
(disclosure control, "Differencing between releases"): here it is counted. A flag for the latest of
several records is of the others too, so it is not compared.

``prints/<table>/<bucket>.parquet`` is what the next release compares with: for each published
record ``__shard`` (UInt8), ``__key``, ``__source``, ``__shown`` (UInt64: half digests of its key,
of the conformed record and of the published one before suppression) and a Boolean for each column
that may be starred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from epc_release.release.context import load_context
from epc_release.release.protect import GONE
from epc_release.release.settle import PLACE, SHOWN
from epc_release.release.spill import read_range

PRINTS = "prints"
_KEY, _THEN = "__key", ":then"
_PRINTS = {"__shard": pl.UInt8, _KEY: pl.UInt64, "__source": pl.UInt64, SHOWN: pl.UInt64}


@dataclass(frozen=True)
class DifferTask:
    """One bucket of ``buckets``: the prints that settling left, and what protection took of them.

    ``drops`` are children that go, ``taken`` parents that go or lose cells. ``before`` are files of
    the release before with this bucket's records, perhaps among others; None where there is no such
    release. ``same_key``: both releases have pseudonyms of one key. ``target`` is written.
    """

    context: Path
    table: str
    bucket: int
    buckets: int
    prints: Path | None
    drops: tuple[Path, ...]
    taken: tuple[Path, ...]
    before: tuple[Path, ...] | None
    same_key: bool
    target: Path


@dataclass(frozen=True)
class Differences:
    """Records in one release and not the other, and in both.

    ``changed`` are published otherwise, apart from suppression (under another key of pseudonyms:
    come from another record). ``unexplained`` do so although the extract has them as it had. By
    column: ``starred`` cells that were shown, and ``shown`` ones, of records that the extract has
    as it had, that were starred.
    """

    before: int = 0
    now: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    unexplained: int = 0
    starred: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Differences) -> Differences:
        return Differences(
            self.before + other.before,
            self.now + other.now,
            self.added + other.added,
            self.removed + other.removed,
            self.changed + other.changed,
            self.unexplained + other.unexplained,
            dict(Counter(self.starred) + Counter(other.starred)),
            dict(Counter(self.shown) + Counter(other.shown)),
        )


def differ(task: DifferTask) -> Differences:
    """Run one bucket: leave its prints, and count what is other than before."""
    now = _now(task)
    if len(now):
        now.write_parquet(task.target, compression="uncompressed", statistics=False)
        task.target.chmod(0o600)
    if task.before is None:
        return Differences(now=len(now))
    found = [pl.read_parquet(file).filter(_in_bucket(task)) for file in task.before]
    before = pl.concat(found) if found else now.clear()
    return compare(before, now, same_key=task.same_key)


def compare(before: pl.DataFrame, now: pl.DataFrame, *, same_key: bool) -> Differences:
    """The differences between the prints of one bucket in two releases."""
    columns = [name for name in dict.fromkeys((*before.columns, *now.columns)) if name[0] != "_"]
    before, now = (_told_apart(_with_flags(prints, columns)) for prints in (before, now))
    both = now.join(before, on=_KEY, suffix=_THEN)
    same = pl.col("__source") == pl.col(f"__source{_THEN}")
    other = pl.col(SHOWN) != pl.col(f"{SHOWN}{_THEN}")
    counts = both.select(
        (other if same_key else ~same).sum().alias("changed"),
        (other & same).sum().alias("unexplained"),
        *((pl.col(n) & ~pl.col(f"{n}{_THEN}")).sum().alias(f"{n}+") for n in columns),
        *((~pl.col(n) & pl.col(f"{n}{_THEN}") & same).sum().alias(f"{n}-") for n in columns),
    ).row(0, named=True)
    return Differences(
        before=len(before),
        now=len(now),
        added=len(now) - len(both),
        removed=len(before) - len(both),
        changed=counts["changed"],
        unexplained=counts["unexplained"],
        starred={name: counts[f"{name}+"] for name in columns},
        shown={name: counts[f"{name}-"] for name in columns},
    )


def _now(task: DifferTask) -> pl.DataFrame:
    """The prints of what this release publishes, with what is starred."""
    if task.prints is None:
        return pl.DataFrame(schema=_PRINTS)
    rows = read_range(task.prints)
    for path in task.drops:
        rows = rows.join(read_range(path, columns=PLACE), on=PLACE, how="anti")
    stars = load_context(task.context).plan(task.table).stars
    if task.taken:
        parts = [read_range(path, columns=(*PLACE, *stars, GONE)) for path in task.taken]
        every = rows.join(pl.concat(parts), on=PLACE, how="left")
        if len(every) > len(rows):  # a record stands in the files of every round that took of it
            every = every.group_by(*PLACE, *_PRINTS).agg(pl.col(*stars, GONE).any())
        rows = every.filter(~pl.col(GONE).fill_null(False))
    return _with_flags(rows, stars).select(*_PRINTS, *stars)


def _in_bucket(task: DifferTask) -> pl.Expr:
    return pl.col("__shard") % task.buckets == task.bucket


def _with_flags(prints: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """With a Boolean for each of ``columns``, false where nothing is said."""
    return prints.with_columns(
        (pl.col(name).fill_null(False) if name in prints.columns else pl.lit(False)).alias(name)
        for name in columns
    )


def _told_apart(prints: pl.DataFrame) -> pl.DataFrame:
    """Copies of a key as the first, the second and so on of it."""
    if not prints[_KEY].is_duplicated().any():
        return prints
    ordered = prints.sort(_KEY, "__source", SHOWN)
    number = pl.int_range(pl.len(), dtype=pl.UInt64).over(_KEY)
    return ordered.with_columns(pl.col(_KEY) ^ number)
