"""``mask_text``: nothing comes out that is not in the vocabulary, whatever goes in."""

from __future__ import annotations

from functools import cache

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.personal import personal
from epc_release.anonymise.policy import load_policy
from epc_release.anonymise.rules.masktext import MaskText
from epc_release.anonymise.vocabulary import NUMBER, key, published
from epc_release.schemas.load import load_register

CANARIES = (
    *("Canary", "07700 900123", "canary@example.org", "ZZ1 1AA", "QQ123456C", "100012345678"),
    *("Mr Canary", "Bnr Canary", "1234-5678-9012-3456-7890", "ab" * 32, "www.example.org", "No 7"),
)


@cache
def rules() -> dict[str, MaskText]:
    told = load_policy("deidentified", load_register("epc")).tables["domestic-certificates"]
    return {n: field.rule for n, field in told.items() if isinstance(field.rule, MaskText)}


def phrases(rule: MaskText) -> list[str]:
    return [phrase.text for each in rule.vocabularies for phrase in each.phrases]


@st.composite
def texts(draw: st.DrawFn, rule: MaskText) -> str:
    """Phrases and other things, joined and spelt in any way."""
    number = st.decimals(0, 500, places=2).map(str) | st.integers().map(str)
    known = st.sampled_from(phrases(rule)).flatmap(
        lambda phrase: number.map(lambda n: phrase.replace(NUMBER, n))
    )
    part = known | known | known.map(str.upper) | st.sampled_from(CANARIES) | st.text(max_size=12)
    parts = draw(st.lists(part, min_size=1, max_size=4))
    joints = draw(st.lists(st.sampled_from(["|", " | ", ", ", ",", ";", " ", ""]), min_size=4))
    return "".join(a + b for a, b in zip(parts, ["", *joints], strict=False))


@given(st.data(), st.sampled_from(sorted(rules())), st.sampled_from([None, 1, 2]))
def test_only_the_vocabulary_comes_out(data: st.DataObject, name: str, most: int | None) -> None:
    rule = MaskText(rules()[name].vocabularies, most)
    given_texts = data.draw(st.lists(st.none() | texts(rule), max_size=8))
    made = rule.apply(pl.Series("x", given_texts, dtype=pl.String)).cast(pl.String).to_list()
    allowed = set(published(rule.vocabularies))
    assert len(made) == len(given_texts)
    for text, told in zip(given_texts, made, strict=True):
        if told is None:
            continue
        assert text is not None
        parts = told.split(" | ")
        assert set(parts) <= allowed
        assert len(parts) == len(set(parts)) <= (most or 99)
        assert personal(told) is None


@given(st.data(), st.sampled_from(sorted(rules())), st.sampled_from(CANARIES))
def test_a_canary_anywhere_takes_the_whole_text_away(
    data: st.DataObject, name: str, canary: str
) -> None:
    rule = MaskText(rules()[name].vocabularies, None)
    phrase = data.draw(st.sampled_from(phrases(rule))).replace(NUMBER, "0.2")
    place = data.draw(st.integers(0, len(phrase)))
    joint = data.draw(st.sampled_from([" ", "", ", ", " | ", ";"]))
    spoilt = phrase[:place] + joint + canary + joint + phrase[place:]
    assert rule.apply(pl.Series([spoilt], dtype=pl.String)).to_list() == [None]


@given(st.data(), st.sampled_from(sorted(rules())))
def test_every_phrase_is_told_by_its_canonical_words(data: st.DataObject, name: str) -> None:
    rule = MaskText(rules()[name].vocabularies, 1)
    known = [p for each in rule.vocabularies for p in each.phrases]
    phrase = data.draw(st.sampled_from(known))
    number = data.draw(st.sampled_from(phrase.slot.texts)) if phrase.slot else ""
    plain = phrase.text.replace(NUMBER, number)
    text = data.draw(st.sampled_from([plain, plain.upper(), plain.lower(), f"  {plain} "]))
    if key(text) != key(plain):
        return  # a letter that has no lower case of its own
    (told,) = rule.apply(pl.Series([text], dtype=pl.String)).to_list()
    assert told == phrase.canonical.replace(NUMBER, number)
