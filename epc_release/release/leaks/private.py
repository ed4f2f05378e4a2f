"""The private sets of a build read back, ready to be searched for (``gather`` made them)."""

from __future__ import annotations

import csv
import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epc_release.anonymise.cellkeys import CELL_KEY_VARIABLE, cell_keyring
from epc_release.anonymise.keys import KEY_VARIABLE, Keyring
from epc_release.anonymise.leaks.digests import DigestSets, Words, keyed, plain_digests
from epc_release.anonymise.leaks.forms import SHORTEST
from epc_release.anonymise.leaks.needles import Needle, Needles, SecretNeedle
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.errors import ReleaseError
from epc_release.release.leaks.gather import CANARIES, EXACT_FILE, SETS, STARRED_FILE
from epc_release.release.leaks.note import ANYWHERE, WITHHELD

# Values of withheld records that are searched for in bytes, in every form; all of them are compared
# with every cell. More would make the search slower and find no other kind of leak.
MOST_EXACT = 2_000


@dataclass(frozen=True)
class Private:
    """What must not be found. ``needles`` are searched for in bytes, ``digests`` hold whole cells,
    ``starred`` (columns of ``note.STARRED``) cells that one partition must not have.
    """

    needles: Needles
    digests: DigestSets
    starred: pl.DataFrame


@lru_cache(maxsize=2)
def load_private(folder: Path, canaries: Path | None = None, most: int = MOST_EXACT) -> Private:
    """The sets of one build, and further ``canaries``. Raises E422 to E424, and E160 to E163
    or E190 where the build had a key that is not given."""
    try:
        told = tomllib.loads((folder / SETS).read_text(encoding="utf-8"))
        exact = pl.read_parquet(folder / EXACT_FILE)
        starred = pl.read_parquet(folder / STARRED_FILE)
        planted = list(_canaries(folder / CANARIES))
    except (OSError, ValueError) as error:
        raise ReleaseError("E422", folder=folder) from error
    keyring = _keyring(told)
    values = [*_evenly(planted, most), *_evenly(list(_exact(exact)), most)]
    if canaries is not None:
        values += _given(canaries)
    return Private(
        Needles([*values, *_secrets(keyring, told)]),
        _digests(folder, told, exact, starred, planted, keyring),
        starred,
    )


def _digests(
    folder: Path,
    told: dict[str, Any],
    exact: pl.DataFrame,
    starred: pl.DataFrame,
    planted: Sequence[Needle],
    keyring: Keyring | None,
) -> DigestSets:
    key = int(told["digests"], 16)
    sets: dict[str, Words] = {}
    fields: dict[str, str] = {}

    def add(name: str, words: Words, field: str = "") -> None:
        sets[name], fields[name] = words, field

    for each in told.get("sets", ()):
        column = each["column"]
        path = folder / f"{each['file']}.u64"
        words = np.memmap(path, "<u8", "r") if path.stat().st_size else np.zeros(0, np.uint64)
        if each["kind"] == WITHHELD:
            add(f"{column} of a record that is not published", words)
        else:
            add(f"a value of {column} that is not published", words, column)
    for (column,), rows in exact.group_by("column", maintain_order=True):
        values = rows["value"].unique()
        add(f"{column} of a withheld record", _sorted(values, key, str(column)), str(column))
        if keyring is not None and column in told["pseudonymised"]:
            rule = Pseudonymise(told["pseudonymised"][column])
            made = rule.apply(values, keyring)
            add(f"the pseudonym of {column} of a withheld record", _sorted(made, key))
    for (column,), rows in starred.filter(partition=ANYWHERE).group_by("column"):
        add(f"{column} of a suppressed record", _sorted(rows["value"].unique(), key))
    if planted:
        texts = pl.Series([needle.value for needle in planted], dtype=pl.String)
        add("a canary", _sorted(texts.unique(), key))
    return DigestSets(key, sets, fields)


def _sorted(values: pl.Series, key: int, field: str = "") -> Words:
    plain = plain_digests(values)
    long = (values.str.len_bytes() >= SHORTEST).to_numpy()
    return np.sort(np.concatenate([keyed(plain[long], key), keyed(plain[~long], key, field)]))


def _keyring(told: dict[str, Any]) -> Keyring | None:
    """The key of this process, which must be the build's where that made pseudonyms."""
    try:
        keyring = Keyring.from_environment()
    except ReleaseError:
        if told["kinds"]:
            raise
        return None
    if told["kinds"] and keyring.key_id != told["key_id"]:
        raise ReleaseError("E424", expected=told["key_id"], found=keyring.key_id)
    return keyring


def _secrets(keyring: Keyring | None, told: dict[str, Any]) -> Iterator[SecretNeedle]:
    """The keys of pseudonyms and of protected tables, and what is derived of them."""
    found: list[tuple[str, Iterator[tuple[str, bytes]]]] = []
    if keyring is not None:
        found.append((KEY_VARIABLE, keyring.secrets(told["kinds"])))
    if told["record_keys"]:
        found.append((CELL_KEY_VARIABLE, cell_keyring().secrets((), told["record_keys"])))
    for variable, secrets in found:
        for number, (source, raw) in enumerate(secrets):
            yield SecretNeedle(raw, source, "" if number else os.environ.get(variable, ""))


def _exact(exact: pl.DataFrame) -> Iterator[Needle]:
    for column, value in exact.select("column", "value").unique(maintain_order=True).iter_rows():
        yield Needle(value, f"{column} of a withheld record")


def _canaries(path: Path) -> Iterator[Needle]:
    with path.open(encoding="utf-8", newline="") as file:
        seen: set[str] = set()
        for row in csv.DictReader(file):
            if row["value"] not in seen:
                seen.add(row["value"])
                yield Needle(row["value"], f"a canary of {row['table']}, {row['column']}")


def _given(path: Path) -> list[Needle]:
    """Canaries of a user's file: CSV with a column ``value``, or a value a line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError("E423", file=path, problem="it is no text in UTF-8") from error
    lines = text.splitlines()
    if path.suffix == ".csv":
        rows = csv.DictReader(lines)
        if "value" not in (rows.fieldnames or ()):
            raise ReleaseError("E423", file=path, problem="it has no column value")
        values = [row["value"] for row in rows]
    else:
        values = [line.strip() for line in lines if line.strip()]
    for number, value in enumerate(values, 1):
        if len((value or "").encode()) < SHORTEST:
            problem = f"value {number} has fewer than {SHORTEST} bytes"
            raise ReleaseError("E423", file=path, problem=problem)
    return [Needle(value, "a canary of the list that was given") for value in values]


def _evenly(needles: Sequence[Needle], most: int) -> Sequence[Needle]:
    return needles[:: max(1, -(-len(needles) // most))]
