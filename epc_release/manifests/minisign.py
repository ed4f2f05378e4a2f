"""Signatures that minisign makes and checks: Ed25519 over BLAKE2b, with a signed comment.

The formats of keys and signatures are those of https://jedisct1.github.io/minisign/ (prehashed
signatures, ``ED``; secret keys without a password, as ``minisign -G -W`` makes them). The same key,
bytes and comment give the same signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SUFFIX = ".minisig"
_ED, _PREHASHED = b"Ed", b"ED"  # of a key; of a signature over BLAKE2b-512 of the content
_SCRYPT, _PLAIN, _BLAKE2 = b"Sc", b"\0\0", b"B2"
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_SECRET_BYTES, _PUBLIC_BYTES, _SIGNATURE_BYTES = 158, 42, 74
_MOST_COMMENT = 8192


class FormatError(ValueError):
    """A key or signature that is not of the format; the message never holds a secret."""


class WrongSignatureError(ValueError):
    """A signature that was not made by this key over these bytes."""


@dataclass(frozen=True)
class PublicKey:
    """Who signs: 8 bytes of id, 32 of Ed25519 key."""

    id: bytes
    key: bytes

    @property
    def key_id(self) -> str:
        """The id as minisign shows it: 16 hex digits, the last byte first."""
        return self.id[::-1].hex().upper()

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """The base64 line alone, or the two lines of a ``.pub`` file. Raises FormatError."""
        data = _decoded(text, "public key", _PUBLIC_BYTES)
        if data[:2] != _ED:
            raise FormatError("it is no Ed25519 public key")
        return cls(data[2:10], data[10:])

    def line(self) -> str:
        """The key as one line of base64, which begins with ``RW``."""
        return base64.b64encode(_ED + self.id + self.key).decode()

    def file(self) -> str:
        """The key as a ``.pub`` file."""
        return f"{_UNTRUSTED}minisign public key {self.key_id}\n{self.line()}\n"

    def verify(self, content: bytes, signature: Signature) -> None:
        """Raises WrongSignatureError unless this key signed these bytes and the comment."""
        if signature.id != self.id:
            why = f"it was made with key {signature.key_id}, not with {self.key_id}"
            raise WrongSignatureError(why)
        if not self.made(content, signature):
            raise WrongSignatureError(f"it is not of this content by key {self.key_id}")

    def made(self, content: bytes, signature: Signature) -> bool:
        """Whether this key made the signature, whatever id that names."""
        key = Ed25519PublicKey.from_public_bytes(self.key)
        try:
            key.verify(signature.of_content, _digest(content))
            key.verify(signature.of_comment, signature.of_content + signature.comment.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signature:
    """A parsed ``.minisig``: two Ed25519 signatures of 64 bytes, and the comment they cover."""

    id: bytes
    of_content: bytes
    comment: str
    of_comment: bytes

    @property
    def key_id(self) -> str:
        """The id of the key that it names, as minisign shows it."""
        return self.id[::-1].hex().upper()

    @classmethod
    def parse(cls, data: bytes) -> Signature:
        """Read the four lines of a ``.minisig``. Raises FormatError."""
        try:
            first, content, comment, over = data.decode().removesuffix("\n").split("\n")
        except ValueError:
            raise FormatError("it has not the four lines of a signature") from None
        if not first.startswith(_UNTRUSTED) or not comment.startswith(_TRUSTED):
            raise FormatError("its comments are not those of a signature")
        made = _decoded(content, "signature", _SIGNATURE_BYTES)
        if made[:2] != _PREHASHED:
            raise FormatError("it is not a prehashed Ed25519 signature (ED)")
        return cls(
            id=made[2:10],
            of_content=made[10:],
            comment=comment.removeprefix(_TRUSTED),
            of_comment=_decoded(over, "signature", 64),
        )


class SecretKey:
    """Signs; shows and pickles nothing."""

    __slots__ = ("__key", "public")

    def __init__(self, seed: bytes, key_id: bytes) -> None:
        self.__key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(key_id, self.__key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """The base64 line alone, or the two lines of a key file. Raises FormatError."""
        data = _decoded(text, "secret key", _SECRET_BYTES)
        if data[:2] != _ED or data[4:6] != _BLAKE2:
            raise FormatError("it is no Ed25519 secret key")
        if data[2:4] == _SCRYPT:
            raise FormatError("it has a password, which nobody can type in a nightly run")
        if data[2:4] != _PLAIN:
            raise FormatError("how it is protected is not known")
        key_id, pair, sum_ = data[54:62], data[62:126], data[126:]
        if sum_ not in (_checksum(key_id, pair), bytes(32)):  # minisign 0.11 -W leaves it empty
            raise FormatError("its checksum is wrong, so it was damaged")
        found = cls(pair[:32], key_id)
        if found.public.key != pair[32:]:
            raise FormatError("its two halves do not belong together")
        return found

    def file(self) -> str:
        """The key as a file that ``minisign -S -W`` and this program read. Keep it secret."""
        pair = self.__key.private_bytes_raw() + self.public.key
        head = _ED + _PLAIN + _BLAKE2 + bytes(32 + 8 + 8)
        data = head + self.public.id + pair + _checksum(self.public.id, pair)
        return f"{_UNTRUSTED}minisign secret key\n{base64.b64encode(data).decode()}\n"

    def sign(self, content: bytes, comment: str) -> bytes:
        """A ``.minisig`` of ``content``; ``comment`` is one printable line, signed too."""
        if not comment.replace("\t", " ").isprintable() or len(comment) > _MOST_COMMENT:
            raise ValueError("a trusted comment is one printable line")
        of_content = self.__key.sign(_digest(content))
        over = self.__key.sign(of_content + comment.encode())
        made = base64.b64encode(_PREHASHED + self.public.id + of_content).decode()
        return (
            f"{_UNTRUSTED}signature by minisign key {self.public.key_id}\n{made}\n"
            f"{_TRUSTED}{comment}\n{base64.b64encode(over).decode()}\n"
        ).encode()

    def __repr__(self) -> str:
        return f"<SecretKey {self.public.key_id}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SecretKey is never pickled or copied")


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content).digest()


def _checksum(key_id: bytes, pair: bytes) -> bytes:
    return hashlib.blake2b(_ED + key_id + pair, digest_size=32).digest()


def _decoded(text: str, what: str, size: int) -> bytes:
    lines = [line for line in text.strip().splitlines() if not line.startswith(_UNTRUSTED)]
    try:
        (line,) = lines
        data = base64.b64decode(line.strip(), validate=True)
    except (ValueError, binascii.Error):
        raise FormatError(f"it is not a {what} in base64") from None
    if len(data) != size:
        raise FormatError(f"a {what} has {size} bytes, and this has {len(data)}")
    return data
