"""Vocabularies: what a file must be, and what texts become under ``mask_text``."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.personal import PATTERNS, personal
from epc_release.anonymise.policy import POLICIES, load_policy
from epc_release.anonymise.rules.masktext import MaskText
from epc_release.anonymise.vocabulary import HEADER, Vocabulary, load_vocabulary, published
from epc_release.errors import ReleaseError
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

LINES = """
Cavity wall, filled cavity,en,,,,,A. Name,2026-01-02
Cavity wall,en,,,,,,
Solid brick,en,,,,,,
Waliau ceudod,cy,Cavity wall,,,,,
U-value {number} W/m²K,en,,0.1,0,3,,
U-value {number} W/m?K,en,U-value {number} W/m²K,0.1,0,3,,
"""


def quoted(lines: str) -> str:
    """The lines as CSV: the phrase is what stands before the last seven cells."""
    rows = [line.rsplit(",", 7) for line in lines.strip().splitlines()]
    body = "\n".join(",".join([f'"{row[0]}"', *row[1:]]) for row in rows)
    return f"{','.join(HEADER)}\n{body}\n"


@pytest.fixture
def vocabulary(tmp_path: Path) -> Callable[[str], Vocabulary]:
    def load(lines: str = LINES) -> Vocabulary:
        path = tmp_path / "v.csv"
        path.write_text(quoted(lines), encoding="utf-8")
        return load_vocabulary(path, "v.csv")

    return load


TEXTS = [
    ("Cavity wall", "Cavity wall"),
    ("  CAVITY\u00a0 wall ", "Cavity wall"),
    ("Cavity wall, filled cavity", "Cavity wall, filled cavity"),
    ("Cavity wall , Solid brick", "Cavity wall | Solid brick"),
    ("Cavity wall, filled cavity, Solid brick", "Cavity wall, filled cavity | Solid brick"),
    ("Solid brick | Cavity wall; Solid brick", "Solid brick | Cavity wall"),
    ("Cavity wall|Waliau ceudod", "Cavity wall"),
    ("|Cavity wall|", "Cavity wall"),
    ("U-value 0.25 W/m²K", "U-value 0.3 W/m²K"),
    ("U-value 0.2499 W/m?K", "U-value 0.2 W/m²K"),
    ("U-value 0.04 W/m2K", "U-value 0.0 W/m²K"),
    ("U-value 3 W/m&#0178;K", "U-value 3.0 W/m²K"),
    ("U-value 3.01 W/m²K", None),
    ("U-value 07700900123 W/m²K", None),
    ("U-value 1e2 W/m²K", None),
    ("U-value -1 W/m²K", None),
    ("U-value ٣ W/m²K", None),
    ("Cavity wall, filled cavity, not really", None),
    ("Cavity", None),
    ("Cavity wall,", None),
    ("No Cavity wall", None),
    ("filled cavity", None),
    ("Cavity wall | Flat 3", None),
    ("U-value {number} W/m²K", None),
    ("", None),
    (" | , ;", None),
    (None, None),
]


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_what_becomes_of_texts(dtype: pl.DataType, vocabulary: Callable[..., Vocabulary]) -> None:
    rule = MaskText((vocabulary(),), None)
    values = pl.Series("x", [text for text, _ in TEXTS], dtype=pl.String).cast(dtype)
    made = rule.apply(values)
    assert made.cast(pl.String).to_list() == [told for _, told in TEXTS]
    assert rule.apply(values.head(0)).len() == 0
    first = MaskText((vocabulary(),), 1).apply(values).cast(pl.String).to_list()
    assert first == [told.split(" | ")[0] if told else None for _, told in TEXTS]


def test_a_rule_travels_to_other_processes(vocabulary: Callable[..., Vocabulary]) -> None:
    rule = MaskText((vocabulary(),), 1)
    assert pickle.loads(pickle.dumps(rule)) == rule


def test_all_that_can_be_published_is_listed(vocabulary: Callable[..., Vocabulary]) -> None:
    known = list(published([vocabulary()]))
    assert len(known) == 3 + 31
    assert known[-1] == "U-value 3.0 W/m²K"
    assert "Waliau ceudod" not in known
    assert vocabulary().unread == 5


WRONG = [
    ("", 1), (",en,,,,,,", 2), ("a|b,en,,,,,,", 2), ("a,fr,,,,,,", 2), ("a,en,b,,,,,", 2),
    ("a,en,,,,,,\nA ,en,,,,,,", 3), ("a,en,,0.1,0,1,,", 2), ("a {number},en,,,,,,", 2),
    ("{number} {number},en,,1,0,9,,", 2), ("{name},en,,,,,,", 2), ("a {number},en,,1,9,1,,", 2),
    ("a {number},en,,0.3,0,1,,", 2), ("a {number},en,,x,0,1,,", 2), ("a {number},en,,NaN,0,1,,", 2),
    ("b,en,,,,,,\na {number},en,b,1,0,9,,", 3), ("a,en,b,,,,,\nb,en,c,,,,,\nc,en,,,,,,", 2),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "line"), WRONG)
def test_a_wrong_file_stops(
    lines: str, line: int, vocabulary: Callable[..., Vocabulary], tmp_path: Path
) -> None:
    path = tmp_path / "w.csv"
    path.write_text(quoted(lines) if lines else f"{','.join(HEADER)}\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match="E159") as stopped:
        load_vocabulary(path, "w.csv")
    assert stopped.value.details["line"] == line


PERSONAL = {
    "a telephone number": ["07700 900123", "ring 020 7946 0000", "+44 (0)20 7946 0000",
                           "01632-960-001", "(01632) 960 001"],
    "an e-mail address": ["a.b@example.org", "X@Y"],
    "a postcode": ["zz1 1aa", "SW1A 1AA", "CF10 1EP", "in M1 1AE near"],
    "a web address": ["http://x", "www.example", "see example.org", "gov.wales", "council.gov.uk"],
    "a certificate number": ["1234-5678-9012-3456-7890", "1234-5678-9012-3456-789", "ab" * 32],
    "a National Insurance number": ["AB 12 34 56 C", "qq123456c"],
    "a long number, such as a UPRN": ["100012345678", "1234567890", "1" * 24],
    "a name after a title": ["Mr Jones", "mrs. Davies", "Dr Ll. Evans", "Miss X", "Ms Y",
                             "Bnr Siôn", "Bones Ellis", "Parch. Ŵyn"],
}  # fmt: skip


@pytest.mark.parametrize("kind", PATTERNS)
def test_what_leads_to_a_person_is_seen_and_refused(
    kind: str, vocabulary: Callable[..., Vocabulary]
) -> None:
    for text in PERSONAL[kind]:
        assert personal(text) is not None, text
        assert personal(f"Solid brick, {text}, insulated") is not None, text
        assert pl.Series([text]).str.contains("(?i)" + PATTERNS[personal(text) or ""]).all()
        with pytest.raises(ReleaseError, match="looks like") as refused:
            vocabulary(f"{text.replace(',', '')},en,,,,,,")
        assert text not in str(refused.value)
    assert any(personal(text) == kind for text in PERSONAL[kind])


def test_standard_phrases_are_not_taken_for_personal() -> None:
    epc = load_register("epc")
    rules = load_policy("deidentified", epc).tables["domestic-certificates"].values()
    known = [
        text
        for told in rules
        if isinstance(told.rule, MaskText)
        for each in told.rule.vocabularies
        for phrase in each.phrases
        for text in (phrase.text, *phrase.published)
    ]
    assert len(known) > 1500
    assert [text for text in known if personal(text)] == []


def test_a_changed_vocabulary_is_another_policy(tmp_path: Path) -> None:
    epc = load_register("epc")
    text = (POLICIES / "epc" / "deidentified.toml").read_text(encoding="utf-8")
    (tmp_path / "vocabularies").mkdir()
    for path in (POLICIES / "epc" / "vocabularies").iterdir():
        (tmp_path / "vocabularies" / path.name).write_bytes(path.read_bytes())
    for path in (POLICIES / "epc").glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    before = load_policy(tmp_path / "mine.toml", epc).sha256
    with (tmp_path / "vocabularies" / "lighting.csv").open("a", encoding="utf-8") as file:
        file.write("Candles,en,,,,,,\n")
    assert load_policy(tmp_path / "mine.toml", epc).sha256 != before


def test_the_real_sample_is_nearly_all_known(epc_sample: pl.DataFrame, epc: Register) -> None:
    rules = load_policy("deidentified", epc).tables["domestic-certificates"]
    for name, told in rules.items():
        if isinstance(told.rule, MaskText):
            given = epc_sample[name.upper()].drop_nulls()
            assert told.rule.apply(given).null_count() <= 0.003 * len(given), name


@pytest.fixture(scope="module")
def epc() -> Register:
    return load_register("epc")


@pytest.fixture(scope="module")
def epc_sample(shared_data: Path) -> pl.DataFrame:
    path = shared_data / "epc" / "domestic-legacy-middlesbrough.csv"
    return pl.read_csv(path, infer_schema_length=0, encoding="utf8-lossy")
