"""Keys: what is refused, and that nothing shows one."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import pickle
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.errors import ReleaseError

SECRET = hashlib.sha256(b"a test").digest()
TEXT = base64.b64encode(SECRET).decode()


def test_pseudonyms_are_those_of_the_standard_library() -> None:
    kind_key = hmac.new(SECRET, b"pseudonym:uprn", hashlib.sha256).hexdigest()
    expected = hmac.new(kind_key.encode(), b"0001-0002", hashlib.sha256).hexdigest()[:32]
    made = Pseudonymise("uprn").apply(pl.Series(["0001-0002", None]), Keyring(SECRET))
    assert made.to_list() == [expected, None]


def test_key_id() -> None:
    expected = hmac.new(SECRET, b"key-id", hashlib.sha256).hexdigest()[:8]
    assert Keyring(SECRET).key_id == expected


def test_nothing_shows_a_key() -> None:
    keyring = Keyring(SECRET)
    assert repr(keyring) == f"<Keyring {keyring.key_id}>"
    assert not hasattr(keyring, "__dict__")
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(keyring)


@pytest.mark.parametrize(
    "secret",
    [
        b"", SECRET[:31], b"\x07" * 32, bytes(range(32)), bytes(range(0, 256, 8)) * 2,
        SECRET[:16] * 2, b"correct horse battery staple Q9!", bytes([1, 2] * 40),
    ],
)  # fmt: skip
def test_weak_keys_are_refused_without_being_shown(secret: bytes) -> None:
    text = base64.b64encode(secret).decode()
    with pytest.raises(ReleaseError) as refused:
        Keyring.from_environment({"EPC_RELEASE_KEY": text} if text else {"EPC_RELEASE_KEY": "!"})
    assert refused.value.problem.code == "E161"
    assert "secrets.token_bytes(32)" in refused.value.problem.fix
    assert not text or text not in str(refused.value)


def test_missing_or_double(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="E160") as missing:
        Keyring.from_environment({})
    assert "secrets.token_bytes(32)" in missing.value.problem.fix
    both = {"EPC_RELEASE_KEY": TEXT, "EPC_RELEASE_KEY_FILE": str(tmp_path / "k")}
    with pytest.raises(ReleaseError, match="E163"):
        Keyring.from_environment(both)


def test_key_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(TEXT + "\n")
    given = {"EPC_RELEASE_KEY_FILE": str(file)}
    file.chmod(0o644)
    with pytest.raises(ReleaseError, match="0644"):
        Keyring.from_environment(given)
    file.chmod(0o600)
    assert Keyring.from_environment(given).key_id == Keyring(SECRET).key_id
    for bad in (tmp_path, tmp_path / "none"):
        with pytest.raises(ReleaseError, match="E162"):
            Keyring.from_environment({"EPC_RELEASE_KEY_FILE": str(bad)})


def test_url_safe_and_unpadded_base64_is_taken() -> None:
    text = base64.urlsafe_b64encode(SECRET).decode().rstrip("=")
    assert Keyring.from_environment({"EPC_RELEASE_KEY": text}).key_id == Keyring(SECRET).key_id
