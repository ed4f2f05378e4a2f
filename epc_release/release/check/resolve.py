"""Copies and orphans, bucket by bucket: rows whose keys are equal always meet in one bucket.

Grain: one bucket of every rule's prints. A bucket of more rows than there is room for is taken in
several passes, each over a part of its keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from epc_release.release.check.job import KeyRule, load_job
from epc_release.release.check.prints import LINE, SCHEMA, Stretch
from epc_release.schemas.checks.keys import H1, H2, duplicates_within

PLACE = ("chunk", LINE)
_KEY = [H1, H2]


@dataclass(frozen=True)
class ResolveTask:
    """One bucket; ``prints`` are what the chunks left for it, by their place in ``Job.prints``."""

    job: Path
    prints: dict[int, tuple[Stretch, ...]]


@dataclass(frozen=True)
class Conflicts:
    """Rows that break the rule at place ``rule``, by chunk, and the first few (chunk, line)."""

    rule: int
    by_chunk: dict[int, int]
    first: tuple[tuple[int, int], ...]


def resolve(task: ResolveTask) -> tuple[Conflicts, ...]:
    """Run one bucket."""
    job = load_job(task.job)
    return tuple(
        _gathered(number, list(_passes(task, rule, job.bucket_rows)), job.samples)
        for number, rule in enumerate(job.rules)
    )


def _gathered(rule: int, frames: list[pl.DataFrame], samples: int) -> Conflicts:
    found = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(PLACE, pl.UInt32))
    counts = dict(found.group_by("chunk").len().iter_rows())
    return Conflicts(rule, counts, tuple(found.sort(PLACE).head(samples).iter_rows()))


def _passes(task: ResolveTask, rule: KeyRule, room: int) -> Iterator[pl.DataFrame]:
    """Conflicting rows (chunk, line) of a bucket."""
    sides = [task.prints.get(rule.own, ())]
    if rule.other is not None:
        sides.append(task.prints.get(rule.other, ()))
    rows = sum(stretch.rows for side in sides for stretch in side)
    passes = -(-rows // room)
    for number in range(passes):
        own, *other = (_read(side, passes, number) for side in sides)
        if other:
            yield own.join(other[0].select(_KEY), on=_KEY, how="anti").select(PLACE)
        else:
            yield _copies(own, repeats=rule.code == "duplicate-row")


def _read(side: tuple[Stretch, ...], passes: int, number: int) -> pl.DataFrame:
    """Prints of the keys whose second half falls to this pass."""
    frames = [pl.DataFrame(schema=SCHEMA)]
    for stretch in side:
        found = stretch.read()
        frames.append(found if passes == 1 else found.filter(pl.col(H2) % passes == number))
    return pl.concat(frames)


def _copies(prints: pl.DataFrame, *, repeats: bool) -> pl.DataFrame:
    """Rows that share a key with another; with ``repeats``, without the first of each."""
    alike = prints.filter(pl.col(H1).is_duplicated())  # few, as a rule
    copied = alike.filter(duplicates_within(alike))
    if repeats:
        copied = copied.sort(*PLACE).filter(~pl.struct(_KEY).is_first_distinct())
    return copied.select(PLACE)
