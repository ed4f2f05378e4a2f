"""Canaries: values that occur once, can be recognised, and must not be in a release.

They stand in the columns that at least one of the register's policies does not keep. In rows that
may be released they are canaries of those policies; in rows of cases to exclude, of every policy.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from epc_release.anonymise.policy import load_policy, policy_names
from epc_release.release.disk import private
from epc_release.release.synth.cells import Cells
from epc_release.release.synth.entropy import salt
from epc_release.release.synth.layout import Rows
from epc_release.release.synth.spec import ColumnSpec
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import Field

STRICT_POLICY = "deidentified"
"""The policy whose canaries are also listed alone, one value a line."""

_SHORTEST = 8  # shorter values are not compared as raw bytes
_LETTERS = "bdfghjlnpqrstwxz"  # no vowels: no word of a language; all may end a postcode


@dataclass(frozen=True)
class Withheld:
    """For each policy, table and column: the rule's name where it is not ``keep``."""

    policies: tuple[str, ...]
    rules: Mapping[tuple[str, str, str], str]

    def columns(self, table: str) -> set[str]:
        """The columns that some policy does not keep."""
        return {column for _, name, column in self.rules if name == table}

    def masks(self, table: str, column: str) -> bool:
        """Whether a policy takes parts out of the column's texts and leaves the rest."""
        return any(
            self.rules.get((policy, table, column)) in ("redact", "mask_text")
            for policy in self.policies
        )


@dataclass
class CanaryList:
    """What was planted: (policy, table, column, value), each once."""

    withheld: Withheld
    entries: dict[tuple[str, str, str, str], None] = field(default_factory=dict)
    planted: int = 0

    def add(self, table: str, column: str, values: Iterable[str], *, excluded: bool) -> None:
        for value in values:
            for policy in self.withheld.policies:
                if excluded or (policy, table, column) in self.withheld.rules:
                    self.entries[policy, table, column, value] = None

    def write(self, folder: Path) -> None:
        """``canaries.csv`` and ``canaries.txt`` in a folder that only the user may read."""
        folder.mkdir(mode=0o700, exist_ok=True)
        with _private(folder / "canaries.csv") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("policy", "table", "column", "value"))
            writer.writerows(self.entries)
        with _private(folder / "canaries.txt") as file:
            strict = {
                value
                for policy, _, _, value in self.entries
                if policy == STRICT_POLICY or STRICT_POLICY not in self.withheld.policies
            }
            file.writelines(f"{value}\n" for value in sorted(strict))


def withheld_by_policies(register: Register) -> Withheld:
    """What the policies that come with the register do not keep."""
    names = policy_names(register.name)
    rules = {
        (name, table, column): rule.rule.name
        for name in names
        for table, fields in load_policy(name, register).tables.items()
        for column, rule in fields.items()
        if rule.rule.name != "keep"
    }
    return Withheld(names, rules)


@dataclass(frozen=True)
class Planter:
    """Puts canaries into the columns of one table. ``natural`` values are left as they are: those
    that are different in each row by themselves (keys, numbers of a property).
    """

    seed: int
    table: Table
    canaries: CanaryList

    def plant(
        self, name: str, spec: ColumnSpec, cells: Cells, rows: Rows, *, excluded: bool
    ) -> Cells:
        """The cells with canaries in these rows, which are then listed."""
        known = self.table.schema.by_name.get(name)
        if known is None or not len(rows) or not self._concerned(name, known, spec):
            return cells
        if _own(spec):
            values = [text for text in cells.words.gather(cells.codes[rows]) if text]
            self.canaries.add(self.table.name, name, values, excluded=excluded)
            return cells
        masked = self.canaries.withheld.masks(self.table.name, name)
        texts, values = [], []
        for row in rows:
            token = _token(self.seed, self.table.name, name, row)
            self.canaries.planted += 1
            text, parts = _canary(spec, known, token, self.canaries.planted, masked=masked)
            texts.append(text)
            values += parts
        self.canaries.add(self.table.name, name, values, excluded=excluded)
        return cells.put(rows, texts)

    def _concerned(self, name: str, known: Field, spec: ColumnSpec) -> bool:
        """Whether the column is withheld by some policy and can hold a value that occurs once."""
        if name not in self.canaries.withheld.columns(self.table.name) or spec.canary == "none":
            return False
        if _own(spec) or spec.kind == "postcode":
            return True
        open_text = known.type == "string" and not (
            {"enum", "pattern"} & set(known.constraints) or "known_values" in known.descriptor
        )
        return open_text or (known.type in ("number", "integer") and not _closed(known))


def _canary(
    spec: ColumnSpec, known: Field, token: str, number: int, *, masked: bool
) -> tuple[str, Sequence[str]]:
    """The text to plant and the parts of it that must not get out."""
    word = f"Canary{token}"
    mail = f"{token}@example.org"
    if known.type in ("number", "integer"):
        digits = int(salt(token)) % 10**8
        text = f"7{digits:08}7" if known.type == "integer" else f"71{digits % 10**3}.{digits:08}1"
        return text, [text]
    if masked:
        # a number of another range than below, which may stand where a policy keeps the text
        return f"Ring Mr {word} on 01632 960{number % 1000:03}, or write to {mail}", [word, mail]
    if spec.kind == "postcode":
        district, sector = number % 90 + 10, number // 90 % 10
        text = f"{spec.payload}{district} {sector}{token[:2].upper()}"
        return text, [text]
    if spec.canary == "phone":
        text = f"07700 9009{number % 100:02}"
        return text, [text]
    text = mail if spec.canary == "email" else f"{word} {token[::-1]}"
    return text, [text]


def _own(spec: ColumnSpec) -> bool:
    """Whether a canary row's value is its own by nature: it has a property to itself."""
    alone = spec.scope in ("certificate", "property", "site")
    return spec.kind == "key" or (spec.kind == "serial" and alone)


def _closed(known: Field) -> bool:
    return bool({"enum", "minimum", "maximum"} & set(known.constraints)) or (
        "known_values" in known.descriptor
    )


def _token(*parts: object) -> str:
    value, text = int(salt("canary", *parts)), ""
    while len(text) < _SHORTEST:
        value, digit = divmod(value, len(_LETTERS))
        text += _LETTERS[digit]
    return text


def _private(path: Path) -> TextIO:
    return open(path, "w", encoding="utf-8", newline="", opener=private)
