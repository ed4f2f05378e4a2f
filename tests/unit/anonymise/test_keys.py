"""Keys: what is refused, and that nothing shows one."""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import hmac
import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import moto
import polars as pl
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

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
        SECRET[:16] + b"\0" * 40, SECRET[:20] + SECRET[:4] * 30, b"ab cd EF 12 %" * 5,
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
    with pytest.raises(ReleaseError, match=r"E163.*EPC_RELEASE_KEY and EPC_RELEASE_KEY_FILE"):
        Keyring.from_environment(both)
    with pytest.raises(ReleaseError, match=r"E163.*EPC_RELEASE_KEY_SECRET"):
        Keyring.from_environment({"EPC_RELEASE_KEY": TEXT, "EPC_RELEASE_KEY_SECRET": "x"})


@pytest.mark.parametrize(
    "text",
    [
        "correcthorsebatterystaplecorrecthorsebatterystap",
        "CORRECTHORSEBATTERYSTAPLECORRECTHORSEBATTERYSTAP",
        "correct-horse_battery-staple_correct-horse_batte",
        "1234567890987654321234567890123456789012345678901234",
    ],
)
def test_a_pass_phrase_that_happens_to_be_base64_is_refused(text: str) -> None:
    assert len(base64.urlsafe_b64decode(text)) >= 32
    with pytest.raises(ReleaseError, match=r"E161.*reads like words") as refused:
        Keyring.from_environment({"EPC_RELEASE_KEY": text})
    assert text not in str(refused.value)


@given(st.binary(min_size=32, max_size=64), st.sampled_from([base64.b64encode, binascii.hexlify]))
def test_random_keys_are_taken(seed: bytes, spelt: Callable[[bytes], bytes]) -> None:
    secret = hashlib.shake_256(seed).digest(len(seed))
    assert Keyring.from_environment({"EPC_RELEASE_KEY": spelt(secret).decode()}).key_id


def test_the_keys_that_the_documents_show_are_refused() -> None:
    docs = Path(__file__).resolve().parents[3]
    texts = [p.read_text("utf-8") for p in (*docs.glob("*.md"), *docs.glob("docs/**/*.md"))]
    shown = {found for text in texts for found in re.findall(r"[A-Za-z0-9+/]{43}=", text)}
    assert shown, "the documents have an example"
    for text in shown:
        with pytest.raises(ReleaseError, match=r"E161.*example of the documentation"):
            Keyring.from_environment({"EPC_RELEASE_KEY": text})


# --------------------------------------------------------------------------- secret store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty AWS Secrets Manager."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with moto.mock_aws():
        yield boto3.client("secretsmanager")


def test_a_key_from_the_secret_store(store: Any) -> None:
    arn = store.create_secret(Name="epc/key", SecretString=TEXT + "\n")["ARN"]
    store.create_secret(Name="json", SecretString=json.dumps({"EPC_RELEASE_KEY": TEXT}))
    store.create_secret(Name="bytes", SecretBinary=SECRET)
    for name in ("epc/key", arn, "json", "bytes"):
        found = Keyring.from_environment({"EPC_RELEASE_KEY_SECRET": name})
        assert found.key_id == Keyring(SECRET).key_id


def test_what_is_no_key_in_the_store_is_refused(store: Any) -> None:
    store.create_secret(Name="two", SecretString=json.dumps({"a": TEXT, "b": TEXT}))
    store.create_secret(Name="none", SecretString="{no json")
    store.create_secret(Name="weak", SecretString=base64.b64encode(b"x" * 32).decode())
    for name, code in (("gone", "E164"), ("two", "E164"), ("none", "E164"), ("weak", "E161")):
        with pytest.raises(ReleaseError, match=code) as refused:
            Keyring.from_environment({"EPC_RELEASE_KEY_SECRET": name})
        assert refused.value.exit == 2
        assert TEXT not in str(refused.value)
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("raised", "code", "exit_code"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"), "E164", 2),
        (ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue"), "E165", 5),
        (EndpointConnectionError(endpoint_url="https://x"), "E165", 5),
        (NoCredentialsError(), "E164", 2),
    ],
)
def test_refused_and_unreachable_are_told_apart(
    raised: Exception, code: str, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise raised

    client = SimpleNamespace(get_secret_value=refuse)
    monkeypatch.setattr(boto3, "client", lambda _: client)
    with pytest.raises(ReleaseError, match=code) as stopped:
        Keyring.from_environment({"EPC_RELEASE_KEY_SECRET": "name"})
    assert stopped.value.exit == exit_code


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
