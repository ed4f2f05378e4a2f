"""The private sets of a build, made of what its tasks put down.

In ``<state>/<release>/private`` (folder 0700, files 0600), for the leak test alone:

- ``sets.toml``: the key of the digests, kinds and id of the secret key, and the list of sets;
- ``N.u64``: one set each, sorted digests of 8 bytes, little-endian: values of the columns that
  identify and are not published as they are, those of records that are not published, and the keys
  of such records. About 8 bytes a distinct value: 30 million records with ten such columns take
  1 to 2 GB. They may be deleted once a release has been published;
- ``withheld.parquet``: table, column, value: keys and units of records that are not published;
- ``starred.parquet``: what protection took away, as ``note.STARRED``;
- ``canaries.csv``: table, column, value: what a synthetic extract has planted for this policy.

No value that is published legitimately is in a set: what a record that goes on holds in a column
which the policy publishes as it is, and words of the policy's and the register's own lists.
"""

from __future__ import annotations

import csv
import json
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.leaks.digests import Words, keyed, plain_digests
from epc_release.anonymise.leaks.documents import phrases
from epc_release.anonymise.policy import Policy
from epc_release.anonymise.rules.base import Rule
from epc_release.anonymise.rules.generalise import Generalise
from epc_release.anonymise.rules.plain import KeepKnown
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.costs import spent
from epc_release.manifests.pages.words import public_texts
from epc_release.release.disk import private, private_folder
from epc_release.release.leaks.note import (
    COMPOSITE,
    EXACT,
    FOLDER,
    HIDDEN,
    JOINED,
    STARRED,
    TOLD,
    WITHHELD,
)
from epc_release.release.prepare import Prepared
from epc_release.release.source.location import LocalFile
from epc_release.release.spill import concat, read_range
from epc_release.schemas.register import Register

SETS, EXACT_FILE, STARRED_FILE, CANARIES = (
    "sets.toml",
    "withheld.parquet",
    "starred.parquet",
    "canaries.csv",
)
_PASS_BYTES = 128 << 20  # digests that are merged at a time

_NONE = np.zeros(0, np.uint64)

Place = tuple[str, str, str]  # kind, length, column


@spent("leak test sets")
def gather(prepared: Prepared, work: Path, target: Path) -> None:
    """Make the private sets in the folder ``target``; ``work`` is the build's work folder."""
    shutil.rmtree(target, ignore_errors=True)  # of a build that was interrupted here
    private_folder(target)
    noted = sorted((work / FOLDER).glob("*.npz"))
    exact = _frames(work, "exact", EXACT)
    merged = _Merged(target, secrets.randbits(64), _vocabulary(prepared), exact)
    for low, high in _ranges(noted):
        merged.add(_between(noted, low, high))
    _write_sets(target, merged, prepared.policy)
    _write_frame(target / EXACT_FILE, merged.withheld())
    _write_frame(target / STARRED_FILE, _frames(work, "starred", STARRED).unique().sort(*STARRED))
    _write_canaries(target / CANARIES, prepared)


class _Merged:
    """Sets of distinct keyed digests, range by range of the digests without key."""

    def __init__(self, folder: Path, key: int, public: Words, exact: pl.DataFrame) -> None:
        self.key, self._folder = key, folder
        self.names: dict[tuple[str, str], int] = {}  # (kind, column): file
        self._public = public
        self._exact = exact.unique()
        self._digests = plain_digests(self._exact["value"])
        self._told = np.zeros(len(self._exact), dtype=bool)
        self._withheld = np.zeros(len(self._exact), dtype=bool)
        self._keys = self._exact["key"].to_numpy()

    def add(self, found: Mapping[Place, Words]) -> None:
        """Take the sorted digests of one range, by kind, length and column."""
        told = _joined([self._public, *_of(found, TOLD)])
        for (kind, length, column), words in found.items():
            if kind == HIDDEN:
                short = found.get((TOLD, "short", column), _NONE)
                public = told if length == "long" else short
                self._put((HIDDEN, column), _without(words, public), length, column)
            elif kind == WITHHELD:
                self._withheld |= _among(self._keys, words)
                if column != COMPOSITE:
                    self._put((WITHHELD, column), _without(words, self._other(found, column)))
        for column in self._exact["column"].unique():
            here = (self._exact["column"] == column).to_numpy()
            single = (WITHHELD, "long", column) in found
            public = self._other(found, column) if single else told
            digests = self._digests[here]
            short = found.get((TOLD, "short", column), _NONE)
            self._told[here] |= _among(digests, public) | _among(digests, short)

    def _other(self, found: Mapping[Place, Words], column: str) -> Words:
        """What is told by other columns than a key's own, which says what was withheld as well."""
        others = {place: words for place, words in found.items() if place[2] != column}
        return _joined([self._public, *_of(others, TOLD), *_of(others, JOINED)])

    def _put(
        self, name: tuple[str, str], words: Words, length: str = "long", field: str = ""
    ) -> None:
        number = self.names.setdefault(name, len(self.names))
        made = keyed(words, self.key, field if length == "short" else "")
        with open(self._folder / f"{number}.u64", "ab", opener=private) as sink:
            sink.write(made.tobytes())

    def sort(self) -> None:
        """Put each set in order, in place."""
        for number in self.names.values():
            if (self._folder / f"{number}.u64").stat().st_size:
                np.memmap(self._folder / f"{number}.u64", dtype="<u8", mode="r+").sort()

    def withheld(self) -> pl.DataFrame:
        """Keys and units of records of whose key nothing is published."""
        kept = self._exact.filter(pl.Series(self._withheld & ~self._told))
        return kept.select("table", "column", "value").unique().sort("table", "column", "value")


def _of(found: Mapping[Place, Words], kind: str) -> list[Words]:
    return [words for place, words in found.items() if place[:2] == (kind, "long")]


def _joined(parts: Iterable[Words]) -> Words:
    """The distinct words of several arrays, sorted (``np.unique`` hashes, which is slower here)."""
    words = np.concatenate(list(parts))
    words.sort()
    fresh = np.ones(len(words), dtype=bool)
    np.not_equal(words[1:], words[:-1], out=fresh[1:])
    return words[fresh]


def _among(words: Words, known: Words) -> NDArray[np.bool_]:
    """Which of ``words`` are in ``known``, which is sorted."""
    if not len(known):
        return np.zeros(len(words), dtype=bool)
    places = np.searchsorted(known, words)
    places[places == len(known)] = 0
    return np.equal(known[places], words)


def _without(words: Words, known: Words) -> Words:
    return words[~_among(words, known)]


def _ranges(noted: Iterable[Path]) -> Iterator[tuple[int, int]]:
    passes = 1 + sum(path.stat().st_size for path in noted) // _PASS_BYTES
    edges = [i * 2**64 // passes for i in range(passes + 1)]
    yield from zip(edges[:-1], (edge - 1 for edge in edges[1:]), strict=True)


def _between(noted: Iterable[Path], low: int, high: int) -> dict[Place, Words]:
    """The distinct digests of each set between two digests."""
    found: dict[Place, list[Words]] = defaultdict(list)
    for path in noted:
        with np.load(path) as arrays:
            for name, words in arrays.items():
                kind, length, column = name.split("/", 2)
                inside = (words >= np.uint64(low)) & (words <= np.uint64(high))
                found[kind, length, column].append(words[inside])
    return {place: _joined(parts) for place, parts in found.items()}


def _frames(work: Path, suffix: str, schema: Mapping[str, pl.DataType | type]) -> pl.DataFrame:
    files = sorted((work / FOLDER).glob(f"*.{suffix}"))
    none = pl.DataFrame(schema=dict(schema))
    return concat([none, *(read_range(path) for path in files)])


def _vocabulary(prepared: Prepared) -> Words:
    """Digests of words that anybody may know: of the policy's rules, of code lists and of pages."""
    words = {*_register_words(prepared.register), *_policy_words(prepared.policy)}
    words.update(*map(phrases, public_texts()))
    return _joined([plain_digests(pl.Series(sorted(words), dtype=pl.String))])


def _register_words(register: Register) -> Iterator[str]:
    """Words of code lists, and those in which schemas describe columns."""
    for codes in register.codelists.values():
        yield from (*codes.names, *codes.names.values(), *codes.slugs.values())
        for attributes in codes.attributes.values():
            yield from attributes.values()
    for table in register.tables:
        yield from phrases(json.dumps(table.schema.descriptor, ensure_ascii=False))
        for field in table.schema.fields:
            for listed in ("categories", "known_values"):
                for each in field.descriptor.get(listed, ()):
                    yield str(each["value"] if isinstance(each, dict) else each)
            yield from map(str, field.constraints.get("enum", ()))


def _policy_words(policy: Policy) -> Iterator[str]:
    yield from phrases(f"{policy.title}\n{policy.description}")
    for rule in (field.rule for fields in policy.tables.values() for field in fields.values()):
        if isinstance(rule, KeepKnown):
            yield from map(str, rule.values)
        yield from _levels(rule)
    for dimension in (each for table in policy.aggregates for each in table.dimensions):
        yield from _levels(dimension.rule)


def _levels(rule: Rule | None) -> Iterator[str]:
    if isinstance(rule, Generalise) and rule.hierarchy:
        yield from rule.hierarchy.coarser.values()


def _write_sets(target: Path, merged: _Merged, policy: Policy) -> None:
    merged.sort()
    kinds = {
        name: field.rule.kind
        for fields in policy.tables.values()
        for name, field in fields.items()
        if isinstance(field.rule, Pseudonymise)
    }
    lines = [
        f"digests = {json.dumps(f'{merged.key:016x}')}",
        f"kinds = {json.dumps(sorted(set(kinds.values())))}",
        f"record_keys = {json.dumps(sorted({a.table for a in policy.aggregates if a.needs_key}))}",
    ]
    if kinds:
        lines.append(f"key_id = {json.dumps(Keyring.from_environment().key_id)}")
    lines += [
        "",
        "[pseudonymised]",
        *(f"{json.dumps(n)} = {json.dumps(k)}" for n, k in kinds.items()),
    ]
    for (kind, column), number in merged.names.items():
        told = (
            f"{key} = {json.dumps(value)}" for key, value in (("kind", kind), ("column", column))
        )
        lines += ["", "[[sets]]", *told, f"file = {number}"]
    with open(target / SETS, "w", encoding="utf-8", newline="\n", opener=private) as sink:
        sink.write("\n".join([*lines, ""]))


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    with open(path, "wb", opener=private) as sink:
        frame.write_parquet(sink)


def _write_canaries(path: Path, prepared: Prepared) -> None:
    """What stands beside a synthetic extract for this policy; a header alone if there is none."""
    names = ("table", "column", "value")
    folders = {
        part.location.path.parent
        for part in prepared.inventory.parts
        if prepared.synthetic and isinstance(part.location, LocalFile)
    }
    with open(path, "w", encoding="utf-8", newline="", opener=private) as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(names)
        for folder in sorted(folders):
            if (folder / "private" / CANARIES).is_file():
                with (folder / "private" / CANARIES).open(encoding="utf-8", newline="") as file:
                    rows = csv.DictReader(file)
                    mine = (row for row in rows if row["policy"] == prepared.policy.name)
                    writer.writerows([row[name] for name in names] for row in mine)
