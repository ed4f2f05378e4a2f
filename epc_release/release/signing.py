"""The key that signs: whose it is, where it comes from, and the signature of a release.

A secret key of minisign without a password, in ``EPC_RELEASE_SIGNING_KEY``, in a file of mode 0600
that ``EPC_RELEASE_SIGNING_KEY_FILE`` names, or in the secret store under the name
``EPC_RELEASE_SIGNING_KEY_SECRET``. It is never printed, logged or pickled.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from epc_release.anonymise.keys import read_private
from epc_release.anonymise.secretstore import fetch
from epc_release.errors import ReleaseError
from epc_release.manifests.layout import CHECKSUMS, SIGNATURE
from epc_release.manifests.minisign import (
    FormatError,
    PublicKey,
    SecretKey,
    Signature,
    WrongSignatureError,
)

SIGNING_VARIABLE = "EPC_RELEASE_SIGNING_KEY"
FILE_VARIABLE, SECRET_VARIABLE = f"{SIGNING_VARIABLE}_FILE", f"{SIGNING_VARIABLE}_SECRET"
VARIABLES = (SIGNING_VARIABLE, FILE_VARIABLE, SECRET_VARIABLE)  # at most one is set


def signing_key(environment: Mapping[str, str] | None = None) -> SecretKey | None:
    """The key of this process's environment, None where there is none.

    Raises E162 to E165, and E430 where it is no key of minisign.
    """
    environ = os.environ if environment is None else environment
    given = {name: environ[name] for name in VARIABLES if environ.get(name)}
    if not given:
        return None
    if len(given) > 1:
        raise ReleaseError("E163", names=" and ".join(given))
    ((name, value),) = given.items()
    text = value
    if name == FILE_VARIABLE:
        text = read_private(Path(value))
    elif name == SECRET_VARIABLE:
        found = fetch(value)
        text = found if isinstance(found, str) else found.decode("ascii", "replace")
    try:
        return SecretKey.parse(text)
    except FormatError as why:
        raise ReleaseError("E430", name=name, why=why) from None


def new_key() -> SecretKey:
    """A fresh random key with a random id."""
    return SecretKey(secrets.token_bytes(32), secrets.token_bytes(8))


def public_keys(given: Iterable[str]) -> tuple[PublicKey, ...]:
    """Public keys, each as its line of base64 or the path of a ``.pub`` file. Raises E441."""
    return tuple(map(_public_key, given))


def _public_key(given: str) -> PublicKey:
    path = Path(given)
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else given
        return PublicKey.parse(text)
    except (FormatError, UnicodeDecodeError, OSError) as why:
        told = why if isinstance(why, FormatError) else "it is no text that can be read"
        raise ReleaseError("E441", given=given[:120], why=told) from None


def comment(release: str) -> str:
    """The trusted comment of a release's signature."""
    return f"release:{release} file:{CHECKSUMS}"


def sign_release(folder: Path, release: str, key: SecretKey) -> None:
    """Leave ``SHA256SUMS.minisig`` in a release folder.

    One that is there already stays. Raises E445 where it is another's, or of other bytes.
    """
    sums, path = (folder / CHECKSUMS).read_bytes(), folder / SIGNATURE
    if path.is_file():
        try:
            signature = Signature.parse(path.read_bytes())
            key.public.verify(sums, signature)
        except (FormatError, WrongSignatureError) as why:
            raise ReleaseError("E445", path=path, why=why) from None
        if signature.comment != comment(release):
            raise ReleaseError("E445", path=path, why="it names another release")
        return
    part = folder.parent / f".{folder.name}{SIGNATURE}.part"  # a release holds whole files only
    try:
        part.write_bytes(key.sign(sums, comment(release)))
        part.replace(path)
    except OSError as why:
        raise ReleaseError("E506", path=path, reason=why.strerror or why) from why
    finally:
        part.unlink(missing_ok=True)
