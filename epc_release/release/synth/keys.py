"""Keys of certificates as the generations of the register write them."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from epc_release.release.synth.cells import words
from epc_release.release.synth.entropy import Ids, hashed, ranks, scattered

SPREADSHEET = 12
"""Ranks (of 65,536) of legacy keys that a spreadsheet turned into scientific notation."""

_OLD = 36_000  # ranks of legacy keys that are 30 digits; the others are hashes


def key_texts(ids: Ids, style: str, key: np.uint64) -> pl.Series:
    """A different key for each different id below 10**10.

    Styles: ``groups`` (20 digits in five groups), ``hash`` (64 hexadecimal digits), ``legacy``
    (30 digits or 64 hexadecimal digits, a few in scientific notation), ``uuid`` (32 hexadecimal
    digits in capitals, in hyphenated groups within braces).
    """
    match style:
        case "groups":
            return _grouped(ids, key)
        case "hash":
            return _hexadecimal(ids, key)
        case "uuid":
            return _uuids(ids, key)
    rank = ranks(ids, key)
    texts = [
        _scientific(ids[rank < SPREADSHEET], key),
        _digits(ids[(rank >= SPREADSHEET) & (rank < _OLD)], key),
        _hexadecimal(ids[rank >= _OLD], key),
    ]
    place = np.argsort(np.digitize(rank, [SPREADSHEET, _OLD]), kind="stable")
    back = np.empty(len(ids), np.uint32)
    back[place] = np.arange(len(ids), dtype=np.uint32)
    return pl.concat(texts).gather(back)


def _grouped(ids: Ids, key: np.uint64) -> pl.Series:
    return _glued([*_fours(hashed(ids, key), 10)[:2], *_fours_of_ten(ids, key)], "-")


def _fours_of_ten(ids: Ids, key: np.uint64) -> list[pl.Series]:
    """Ten digits of its own and two of a hash, in three groups of four."""
    own = scattered(ids, 10, key) * np.uint64(100) + hashed(ids, ~key) % np.uint64(100)
    return _groups(own, 3, 10_000, _decimal())


def _digits(ids: Ids, key: np.uint64) -> pl.Series:
    noise = _groups(hashed(ids, key) % np.uint64(10**16), 4, 10_000, _decimal())
    one = pl.Series("", ["1"], dtype=pl.String).new_from_index(0, len(ids))
    tail = _groups(hashed(ids, ~key) % np.uint64(10), 1, 10, words([str(i) for i in range(10)]))
    return _glued([one, *noise, *_fours_of_ten(ids, key), *tail], "")


def _scientific(ids: Ids, key: np.uint64) -> pl.Series:
    own = scattered(ids, 10, key).astype(np.int64)
    lead = (hashed(ids, key) % np.uint64(9) + np.uint64(1)).astype(np.int64)
    return words([f"{a}.{b:010}371E+032" for a, b in zip(lead, own, strict=True)])


def _hexadecimal(ids: Ids, key: np.uint64) -> pl.Series:
    own = hashed(ids, key)  # a bijection, so that keys differ
    parts = [own, *(hashed(own, key ^ np.uint64(step)) for step in (1, 2, 3))]
    return _glued([g for part in parts for g in _groups(part, 4, 65_536, _hex())], "")


def _uuids(ids: Ids, key: np.uint64) -> pl.Series:
    digits = _hexadecimal(ids, key).str.to_uppercase()
    starts, lengths = (0, 8, 12, 16, 20), (8, 4, 4, 4, 12)
    parts = [digits.str.slice(s, n) for s, n in zip(starts, lengths, strict=True)]
    return pl.select(
        pl.concat_str(pl.lit("{"), pl.concat_str(*parts, separator="-"), pl.lit("}"))
    ).to_series()


def _fours(hashes: Ids, digits: int) -> list[pl.Series]:
    return _groups(hashes % np.uint64(10**digits), digits // 4, 10_000, _decimal())


def _groups(numbers: Ids, count: int, base: int, texts: pl.Series) -> list[pl.Series]:
    groups = []
    for _ in range(count):
        groups.append(texts.gather((numbers % np.uint64(base)).astype(np.uint32)))
        numbers = numbers // np.uint64(base)
    return groups


def _glued(groups: list[pl.Series], separator: str) -> pl.Series:
    return pl.select(pl.concat_str(*groups, separator=separator)).to_series()


@cache
def _decimal() -> pl.Series:
    return words([f"{i:04}" for i in range(10_000)])


@cache
def _hex() -> pl.Series:
    return words([f"{i:04x}" for i in range(65_536)])
