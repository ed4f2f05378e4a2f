"""Candidates for a vocabulary: phrases of free text that are common, for a person to review."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from epc_release.anonymise.personal import personal
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.rules.masktext import MaskText
from epc_release.anonymise.screen import ScreenContext
from epc_release.anonymise.vocabulary import HEADER, NUMBER, SEPARATORS, key
from epc_release.release.source import discover
from epc_release.release.trial.records import screened
from epc_release.schemas.register import Register

LEAST_RECORDS, LEAST_PARTITIONS = 100, 10
_SPLIT = re.compile(f"[{re.escape(SEPARATORS)}]")
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True)
class Candidates:
    """Of one column: texts (records) that the policy publishes missing, and the phrases in at least
    ``LEAST_RECORDS`` of them in ``LEAST_PARTITIONS`` partitions, the most frequent first."""

    table: str
    column: str
    texts: int
    unknown: int
    phrases: tuple[str, ...]

    def __str__(self) -> str:
        share = self.unknown / max(1, self.texts)
        return (
            f"{self.table}, {self.column}: {share:.1%} of {self.texts:,} texts are not known;"
            f" {len(self.phrases):,} phrases to review"
        )


def candidates(
    policy: Policy, register: Register, sources: Sequence[str]
) -> tuple[Candidates, ...]:
    """Of every column under ``mask_text`` that the sources have."""
    inventory = discover(sources, register)
    cutoff = inventory.control.snapshot_time if inventory.control else datetime.now(UTC)
    context = ScreenContext(cutoff, register.timezone)
    found = []
    for table in register.tables:
        rules = policy.tables[table.name]
        columns = [n for n in table.schema.names if isinstance(rules[n].rule, MaskText)]
        parts = inventory.of(table.name)
        if not parts or not columns or table.parent:
            continue
        counted: dict[str, list[pl.DataFrame]] = {name: [] for name in columns}
        wanted = [*columns, table.partition]
        for _, cells, decisions in screened(policy, register, parts, context, wanted):
            staying = cells.filter(decisions == 0).select(pl.col(wanted).cast(pl.String))
            for name in columns:
                pair = staying.select(text=name, place=table.partition).drop_nulls("text")
                counted[name].append(pair.group_by("text", "place").len("n"))
        found += [
            _of_column(table.name, name, rules[name].rule, pl.concat(counted[name]))
            for name in columns
        ]
    return tuple(found)


def write_candidates(found: Candidates, folder: Path) -> Path:
    """A file in the form of a vocabulary. Language and, of numbers, rounding and limits are left
    empty, so that no build takes it before a person has looked at every line."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.table}.{found.column}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows([phrase, *[""] * (len(HEADER) - 1)] for phrase in found.phrases)
    return path


def _of_column(table: str, column: str, rule: object, counted: pl.DataFrame) -> Candidates:
    texts = counted.group_by("text", "place").agg(pl.col("n").sum())
    told = texts["text"] if not isinstance(rule, MaskText) else rule.apply(texts["text"])
    unknown = texts.filter(told.is_null())
    records: Counter[str] = Counter()
    places: dict[str, set[str | None]] = {}
    spelt: dict[str, str] = {}
    for text, place, count in unknown.iter_rows():
        for phrase in {_phrase(part) for part in _SPLIT.split(text)} - {""}:
            same = key(phrase)
            spelt.setdefault(same, phrase)
            records[same] += count
            places.setdefault(same, set()).add(place)
    common = [
        spelt[same]
        for same, count in sorted(records.items(), key=lambda pair: (-pair[1], pair[0]))
        if count >= LEAST_RECORDS
        and len(places[same]) >= LEAST_PARTITIONS
        and personal(spelt[same]) is None
    ]
    return Candidates(table, column, int(texts["n"].sum()), int(unknown["n"].sum()), tuple(common))


def _phrase(part: str) -> str:
    """A phrase without braces of its own; its number, where it has one, as a slot."""
    plain = " ".join(part.replace("{", "").replace("}", "").split())
    return _DIGITS.sub(NUMBER, plain) if len(_DIGITS.findall(plain)) == 1 else plain
