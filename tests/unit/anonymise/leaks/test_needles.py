"""Needles: each form of each value is found wherever it stands, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.leaks.forms import SHORTEST, forms
from epc_release.anonymise.leaks.needles import Needle, Needles, SecretNeedle

WORD = 'Tŷ Gwyn, "Flat" 7'
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    "written",
    [
        WORD.encode(),
        WORD.upper().encode(),
        WORD.encode("utf-16"),
        WORD.encode("utf-16-be"),
        WORD.encode().hex().upper().encode(),
        json.dumps(WORD).encode(),
        quote_plus(WORD).encode(),
        hashlib.sha1(WORD.encode(), usedforsecurity=False).digest(),
        base64.b64encode(hashlib.sha256(WORD.encode()).digest()),
        *(base64.b64encode(b"+" * n + WORD.encode() + b"tail" * (n % 2)) for n in range(6)),
    ],
)
def test_a_value_is_found_as_anybody_would_write_it(written: bytes) -> None:
    needles = Needles([Needle(WORD, "x"), Needle("another value", "y")])
    if written == WORD.upper().encode():
        written = written.replace("Ŷ".encode(), "ŷ".encode())  # only ASCII has no case
    assert {hit.source for hit in needles.found(b"?" + written + b"?")} == {"x"}
    assert list(needles.found(b"nothing of that kind" * 99)) == []


@given(TEXT, st.integers(0, 20), st.binary(max_size=30), st.binary(max_size=30))
def test_every_form_is_found_at_any_place(
    value: str, many: int, before: bytes, after: bytes
) -> None:
    if len(value.encode()) < SHORTEST:
        return
    others = [Needle(f"{value[:8]}{number:09}", "others") for number in range(many)]
    needles = Needles([*others, Needle(value, "it")])
    for form in forms(value):
        data = before + b"/" + form.data + b"/" + after
        hits = [hit for hit in needles.found(data) if hit.source == "it"]
        assert any(hit.at == len(before) + 1 for hit in hits), form.name


def test_a_number_counts_only_where_it_stands_alone() -> None:
    needles = Needles([Needle("10001234", "unit")])
    assert not list(needles.found(b"sha256:ab10001234ff and 910001234"))
    assert len(list(needles.found(b'{"uprn": 10001234}'))) == 1


def test_what_lies_across_two_pieces_is_found_once_at_its_place() -> None:
    needles = Needles([Needle("Canary bdfghjl", "canary")])
    data = b"x" * 95 + b"Canary bdfghjl" + b"x" * 95
    for block in (1, 7, 97, 100, 1000):
        hits = {hit.at for hit in needles.stream(io.BytesIO(data).read, block)}
        assert hits == {95}


def test_a_secret_is_found_as_bytes_and_never_shown() -> None:
    raw = hashlib.sha256(b"a key for tests only").digest()
    needle = SecretNeedle(raw, "the secret key", base64.b64encode(raw).decode())
    found = Needles([needle])
    for written in (raw, raw.hex().encode(), base64.b64encode(b"ab" + raw), base64.b64encode(raw)):
        assert {hit.source for hit in found.found(b"--" + written)} == {"the secret key"}
    assert repr(needle) == "<SecretNeedle of the secret key>"
    assert repr(Needle("Canary bdfghjl", "canary")) == "<Needle of canary>"


def test_a_short_value_is_no_needle() -> None:
    assert len(Needles([Needle("7654321", "short")])) == 0
