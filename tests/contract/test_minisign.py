"""Our signatures are minisign's: known answers of minisign 0.11, and the program where it is.

The key, the message and its signature below were made with ``minisign -G -W`` and ``minisign -S -W
-t``; the same key must give the same signature, byte for byte, since Ed25519 is deterministic.
"""

from __future__ import annotations

import base64
import pickle
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.manifests.minisign import (
    FormatError,
    PublicKey,
    SecretKey,
    Signature,
    WrongSignatureError,
)

PUBLIC = """untrusted comment: minisign public key C7AD5A9FF982DD20
RWQg3YL5n1qtx68WOeejVnWbEQIuKDh2sdVlTShy0RE4h8QYva53R5hT
"""
SECRET = """untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIN2C+Z9arceT321kVUlw5IHbl\
hibZpud0fM8f6kE30TnFHDi+9+wpK8WOeejVnWbEQIuKDh2sdVlTShy0RE4h8QYva53R5hTAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
AAAAAAAAAAAAA=
"""
MESSAGE = b"epc-release\n"
COMMENT = "release:2026-03-31\tx"
SIGNATURE = """untrusted comment: signature from minisign secret key
RUQg3YL5n1qtxwIQVWmHkbNgEpDCDaDIrcY+iULp6ZqOu/RN5TQtZyb3vniP/vwRarmV6RBwytJmYFE6LbJyIM6E6ZLyHxvdzwU=
trusted comment: release:2026-03-31\tx
7uc+1PTrUko6HFf5jSXQ3wfUTmqOC74bSMy5KkXrYJqbqT9d09X57XJC+usIbaBiVpPsfznxGQS5tatGjv0JCQ==
"""
KEY = SecretKey(bytes(range(32)), b"eightlen")


def test_a_key_of_minisign_gives_the_signature_that_minisign_gave() -> None:
    key = SecretKey.parse(SECRET)
    assert key.public == PublicKey.parse(PUBLIC)
    assert key.public.key_id == "C7AD5A9FF982DD20"
    assert key.public.file() == PUBLIC
    made, known = key.sign(MESSAGE, COMMENT).decode(), SIGNATURE
    assert made.splitlines()[1:] == known.splitlines()[1:]


def test_a_signature_of_minisign_is_right_and_of_nothing_else() -> None:
    key, signature = PublicKey.parse(PUBLIC), Signature.parse(SIGNATURE.encode())
    key.verify(MESSAGE, signature)
    assert signature.comment == COMMENT
    with pytest.raises(WrongSignatureError, match="C7AD5A9FF982DD20"):
        key.verify(MESSAGE + b" ", signature)
    other = Signature.parse(SIGNATURE.replace("2026-03-31", "2026-03-30").encode())
    with pytest.raises(WrongSignatureError):
        key.verify(MESSAGE, other)
    with pytest.raises(WrongSignatureError, match="not with"):
        KEY.public.verify(MESSAGE, signature)


minisign = shutil.which("minisign")


@pytest.mark.skipif(minisign is None, reason="needs minisign")
def test_minisign_reads_our_keys_and_signatures(tmp_path: Path) -> None:
    (tmp_path / "k.key").write_text(KEY.file())
    (tmp_path / "k.pub").write_text(KEY.public.file())
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(MESSAGE)
    (tmp_path / "a.minisig").write_bytes(KEY.sign(MESSAGE, "release:x file:SHA256SUMS"))

    def run(*arguments: str) -> str:
        command = [str(minisign), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True
        ).stdout.decode()

    assert "release:x file:SHA256SUMS" in run("-V", "-m", "a", "-p", "k.pub")
    run("-S", "-W", "-s", "k.key", "-m", "b")
    KEY.public.verify(MESSAGE, Signature.parse((tmp_path / "b.minisig").read_bytes()))


@given(st.binary(), st.text(st.characters(codec="ascii", categories=["L", "N", "P"])), st.data())
def test_any_change_of_a_signature_or_its_content_is_noticed(
    content: bytes, comment: str, data: st.DataObject
) -> None:
    made = KEY.sign(content, comment)
    KEY.public.verify(content, Signature.parse(made))
    start = made.index(b"\n") + 1  # the untrusted comment says nothing
    at = data.draw(st.integers(start, len(made) - 2))
    changed = bytearray(made)
    changed[at] ^= 1 << data.draw(st.integers(0, 6))
    try:
        signature = Signature.parse(bytes(changed))
    except FormatError:
        return
    if signature == Signature.parse(made):  # base64 has bits that mean nothing
        return
    with pytest.raises(WrongSignatureError):
        KEY.public.verify(content, signature)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=8, max_size=8))
def test_keys_survive_their_files(seed: bytes, key_id: bytes) -> None:
    key = SecretKey(seed, key_id)
    again = SecretKey.parse(key.file())
    assert again.file() == key.file()
    assert again.public == key.public == PublicKey.parse(key.public.line())


def _changed(position: int, value: bytes) -> str:
    data = bytearray(base64.b64decode(KEY.file().splitlines()[1]))
    data[position : position + len(value)] = value
    return base64.b64encode(bytes(data)).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "base64"),
        ("x y", "base64"),
        (PUBLIC, "has 158 bytes"),
        (_changed(0, b"XX"), "no Ed25519 secret key"),
        (_changed(2, b"Sc"), "password"),
        (_changed(2, b"??"), "not known"),
        (_changed(70, b"\0\0"), "damaged"),
        (_changed(70, b"\0\0" + bytes(0))[:-1], "base64"),
    ],
)
def test_secret_keys_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why) as caught:
        SecretKey.parse(text)
    assert KEY.file().splitlines()[1][80:120] not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\n\n\n\n",
        SIGNATURE.replace("untrusted", "UNTRUSTED").encode(),
        SIGNATURE.replace("RUQ", "RWQ").encode(),  # not prehashed
        SIGNATURE.replace("7uc+", "7uc").encode(),
        (SIGNATURE + "more\n").encode(),
    ],
)
def test_signatures_that_are_none(data: bytes) -> None:
    with pytest.raises(FormatError):
        Signature.parse(data)


def test_a_secret_key_shows_and_pickles_nothing() -> None:
    assert repr(KEY) == f"<SecretKey {KEY.public.key_id}>"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
    with pytest.raises(ValueError, match="printable"):
        KEY.sign(b"", "two\nlines")
