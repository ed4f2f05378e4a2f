"""Both languages say everything: no text is missing, in English, unused or filled otherwise."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources
from string import Formatter

import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.pages import write
from epc_release.manifests.pages.words import LANGUAGES, Words, size, words
from epc_release.release.conform.codes import CODES
from epc_release.schemas.types import DTYPES

PACKAGE = resources.files("epc_release.manifests.pages")
TEMPLATES = "\n".join(
    file.read_text("utf-8") for file in sorted(PACKAGE.joinpath("templates").iterdir(), key=str)
)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_places_to_fill() -> None:
    english, welsh = words("en").texts, words("cy").texts
    assert {key: fields(text) for key, text in english.items()} == {
        key: fields(text) for key, text in welsh.items()
    }
    assert all(text.strip() for texts in (english, welsh) for text in texts.values())


def test_nothing_is_left_in_english() -> None:
    english, welsh = words("en").texts, words("cy").texts
    assert [key for key, text in english.items() if welsh[key] == text] == []


def test_every_key_of_the_templates_is_there_and_every_key_is_used() -> None:
    asked = set(re.findall(r'\bt\(\s*"([a-z_.-]+)"(?=[),])', TEMPLATES))
    asked |= set(re.findall(r'"((?:downloads|changes)\.[a-z_]+)"', TEMPLATES))
    asked |= {key for _, key in (*write._INDEX, *write._TABLE, *write._DOCUMENTS)}
    known = set(words("en").texts)
    assert asked - known == set()
    chosen = re.compile(
        r"language|(month|type|issue)\..*|about\.(open|registered)|personal\..*"
        r"|accounting\.(out|withheld|invalid)_means|protection\.(rows|units)"
        r"|quality\.(error|warning)|accessible\.(zoom|keyboard|reader|contrast)"
    )
    assert [key for key in known - asked if not chosen.fullmatch(key)] == []


def test_every_code_type_and_month_has_a_text_in_both() -> None:
    wanted = {f"issue.{code.code}" for code in CODES} | {f"quality.{c.severity}" for c in CODES}
    wanted |= {f"type.{name}" for name in DTYPES} | {f"month.{n}" for n in range(1, 13)}
    for language in LANGUAGES:
        assert wanted - set(words(language).texts) == set()


def test_a_missing_text_is_an_error_and_never_english() -> None:
    with pytest.raises(ReleaseError, match=r"E480.*site\.skip.*cy"):
        Words("cy", {"site.skip": " "})("site.skip")
    with pytest.raises(ReleaseError, match="E480"):
        words("fr")


def test_days_are_those_of_the_register() -> None:
    night = datetime(2024, 7, 31, 23, 30, tzinfo=UTC)
    assert words("en").day(night, "Europe/London") == "1 August 2024"
    assert words("cy").day(night, "Europe/London") == "1 Awst 2024"


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "1.0 MB"), (1_250_000, "1.2 MB")],
)
def test_sizes(count: int, told: str) -> None:
    assert size(count) == told
