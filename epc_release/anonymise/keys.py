"""The secret key of pseudonyms: where it comes from, what is refused, what may be told of it.

A key is base64 of at least 32 random bytes, in ``EPC_RELEASE_KEY``, in a private file (mode 0600)
named by ``EPC_RELEASE_KEY_FILE``, or in the secret store under the name ``EPC_RELEASE_KEY_SECRET``.
It is never printed, logged or pickled: tasks take it from their own environment. Only ``key_id`` is
ever published.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import NoReturn

from epc_release.anonymise.secretstore import fetch
from epc_release.errors import ReleaseError

KEY_VARIABLE, FILE_VARIABLE = "EPC_RELEASE_KEY", "EPC_RELEASE_KEY_FILE"
SECRET_VARIABLE = "EPC_RELEASE_KEY_SECRET"  # noqa: S105  (the name of a variable)
VARIABLES = (KEY_VARIABLE, FILE_VARIABLE, SECRET_VARIABLE)  # exactly one is set
MINIMUM_BYTES = 32
# 32 random bytes have 30 distinct values on average; fewer than 16 never happens by chance.
MINIMUM_DISTINCT = 16
# Below this length, bytes that are all printable are a pass phrase and not a random key.
TEXT_BYTES = 64
# Shannon entropy of the bytes' frequencies, in bits: of 32 random ones 4.9, never below 4.
MINIMUM_ENTROPY = 3.5
# Of 43 random base64 characters 40 % are small letters, of 64 random hex digits 62 % are decimal:
# shares that never happen by chance.
WORDS_SHARE, NUMBERS_SHARE = 0.8, 0.9
# sha256 of keys that stand in documentation, where everybody reads them.
PUBLISHED = frozenset({"3edb743f8adfac662fe17be10522260fe01e4622bf20d6975cb0ed69409a71c2"})


class Keyring:
    """Holds one secret key and gives out what is made from it; shows and pickles nothing."""

    __slots__ = ("__secret",)

    def __init__(self, secret: bytes, place: str = "memory") -> None:
        """Raises E161, naming ``place``, if ``secret`` is short or guessable."""
        problem = _weakness(secret)
        if problem:
            raise ReleaseError("E161", place=place, problem=problem)
        self.__secret = secret

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Keyring:
        """The key of this process's environment. Raises E160 to E165."""
        environ = os.environ if environment is None else environment
        given = {name: environ[name] for name in VARIABLES if environ.get(name)}
        if not given:
            raise ReleaseError("E160")
        if len(given) > 1:
            raise ReleaseError("E163", names=" and ".join(given))
        ((name, value),) = given.items()
        if name == KEY_VARIABLE:
            return cls(_decode(value, name), name)
        if name == FILE_VARIABLE:
            return cls(_decode(read_private(Path(value)), value), value)
        found = fetch(value)
        return cls(found if isinstance(found, bytes) else _decode(found, value), value)

    @property
    def key_id(self) -> str:
        """First 8 hex digits of HMAC-SHA-256(key, "key-id"): tells keys apart and nothing else."""
        return self._derive("key-id")[:8]

    def pseudonym_key(self, kind: str) -> str:
        """The key of one kind of identifier: 64 hex digits, one HMAC block, never to be shown.

        HMAC-SHA-256(key, "pseudonym:" + kind). A pseudonym is the first 32 hex digits of
        HMAC-SHA-256(this key's ASCII bytes, the identifier in UTF-8).
        """
        return self._derive(f"pseudonym:{kind}")

    def record_key(self, table: str) -> str:
        """The key of a table's record keys, in the form of ``pseudonym_key``.

        HMAC-SHA-256(key, "record-key:" + table). A record key is the last octet of
        HMAC-SHA-256(this key's ASCII bytes, the record's key in UTF-8).
        """
        return self._derive(f"record-key:{table}")

    def secrets(
        self, kinds: Iterable[str] = (), tables: Iterable[str] = ()
    ) -> Iterator[tuple[str, bytes]]:
        """(what it is, bytes) of everything that must never be written: for the leak test alone."""
        yield "the secret key", self.__secret
        for kind in kinds:
            yield f"the pseudonym key of {kind}", bytes.fromhex(self.pseudonym_key(kind))
        for table in tables:
            yield f"the key of the record keys of {table}", bytes.fromhex(self.record_key(table))

    def _derive(self, purpose: str) -> str:
        return hmac.new(self.__secret, purpose.encode(), hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return f"<Keyring {self.key_id}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Keyring is never pickled or copied: each process reads its own key")


def _decode(text: str, place: str) -> bytes:
    compact = "".join(text.split())
    if problem := _words(compact):
        raise ReleaseError("E161", place=place, problem=problem)
    standard = compact.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ReleaseError("E161", place=place, problem="it is not base64") from None


def read_private(path: Path) -> str:
    """The text of a key file that nobody but its owner may read. Raises E161 and E162."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ReleaseError("E162", file=path, problem="it is not a file")
        if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
            problem = f"its mode is {stat.S_IMODE(mode):04o}, so others may read it"
            raise ReleaseError("E162", file=path, problem=problem)
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise ReleaseError(
            "E162", file=path, problem=error.strerror or "it is unreadable"
        ) from None
    except UnicodeDecodeError:
        raise ReleaseError("E161", place=path, problem="it is not base64") from None


def _words(text: str) -> str | None:
    """Why a text is a pass phrase that happens to be base64, or None."""
    limits = {str.islower: WORDS_SHARE, str.isupper: WORDS_SHARE, str.isdigit: NUMBERS_SHARE}
    if any(sum(map(kind, text)) >= limit * len(text) for kind, limit in limits.items()):
        return "it reads like words or numbers, not like random bytes"
    return None


def _weakness(secret: bytes) -> str | None:
    """Why a key is guessable, or None; says nothing of its content."""
    if len(secret) < MINIMUM_BYTES:
        return f"it has {len(secret)} bytes, and at least {MINIMUM_BYTES} are needed"
    steps = {(after - before) % 256 for before, after in pairwise(secret)}
    if min(len(set(secret)), len(steps)) < MINIMUM_DISTINCT:
        return "its bytes repeat or follow a pattern, so it is not random"
    shares = [count / len(secret) for count in Counter(secret).values()]
    if -sum(share * log2(share) for share in shares) < MINIMUM_ENTROPY:
        return "a few of its bytes make up most of it, so it is not random"
    if hashlib.sha256(secret).hexdigest() in PUBLISHED:
        return "it is the example of the documentation, which everybody knows"
    if any(secret[:period] * (len(secret) // period) == secret for period in _periods(secret)):
        return "it repeats itself, so it is not random"
    if len(secret) < TEXT_BYTES and all(32 <= byte < 127 for byte in secret):
        return "it is readable text and not random bytes"
    return None


def _periods(secret: bytes) -> list[int]:
    return [n for n in range(1, min(MINIMUM_BYTES, len(secret))) if len(secret) % n == 0]
