"""Numbers that look random and repeat: hashes of identities, and draws of one chunk.

What must be the same wherever an identity turns up again (the address of a property, the key of a
certificate) is a hash of its number; everything else is drawn from the chunk's own generator.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint32]
Ranks = npt.NDArray[np.uint16]

SLOTS = 1 << 16
"""A rank is one of this many equally likely values."""

_STRIDE = np.uint64(612_345_679)  # has no factor in common with a power of ten


def salt(*parts: object) -> np.uint64:
    """A 64-bit constant that stands for a name."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


def generator(*parts: object) -> np.random.Generator:
    """The random generator that belongs to a name (a table and a chunk, a column)."""
    return np.random.Generator(np.random.PCG64(int(salt(*parts))))


def hashed(ids: Ids, key: np.uint64) -> Ids:
    """A 64-bit hash of each identity (splitmix64)."""
    x = ids ^ key
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def below(hashes: Ids, limit: npt.ArrayLike) -> Ids:
    """Each hash brought into ``0 .. limit - 1`` (limits under 2**32)."""
    return np.asarray(
        ((hashes >> np.uint64(32)) * np.asarray(limit, dtype=np.uint64)) >> np.uint64(32),
        dtype=np.uint64,
    )


def ranks(ids: Ids, key: np.uint64) -> Ranks:
    """One of the ranks for each identity."""
    return (hashed(ids, key) >> np.uint64(48)).astype(np.uint16)


def scattered(ids: Ids, digits: int, key: np.uint64) -> Ids:
    """Different numbers of so many digits for different identities (below 10**digits)."""
    size = np.uint64(10**digits)
    return np.asarray(((ids % size) * _STRIDE + key % size) % size, dtype=np.uint64)
