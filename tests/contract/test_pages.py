"""What readers of the pages rely on: every figure and link is right, in both languages."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import pandas as pd
import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.changes import DOCUMENT
from epc_release.manifests.checksums import parse_checksums
from epc_release.manifests.describe import describe
from epc_release.manifests.facts import (
    ArchiveFacts,
    ChangeFacts,
    FileFacts,
    Issue,
    KeySetFacts,
    MemberFacts,
    PolicyFacts,
    ReleaseFacts,
    TableFacts,
    TableLedger,
)
from epc_release.manifests.layout import part_path, partition_archive
from epc_release.manifests.ledger import public_ledger
from epc_release.manifests.pages.recipes import recipes
from epc_release.manifests.pages.words import LANGUAGES, number, size, words
from epc_release.manifests.pages.write import write_pages
from epc_release.manifests.verify import verify
from epc_release.schemas.load import load_register
from tests.html import pages, problems, read, rows

Build = Callable[..., ReleaseFacts]


@pytest.fixture
def facts(tmp_path: Path, build_release: Build) -> ReleaseFacts:
    return build_release(tmp_path / "2024-01-31")


@pytest.fixture
def release(tmp_path: Path, facts: ReleaseFacts) -> Path:
    return tmp_path / "2024-01-31"


def languages(release: Path, page: str) -> dict[str, str]:
    """The text of a page in each language, ``page`` without its suffix."""
    return {
        "en": (release / f"{page}.html").read_text("utf-8"),
        "cy": (release / f"{page}.cy.html").read_text("utf-8"),
    }


def test_every_page_is_sound_html_in_its_language(release: Path) -> None:
    found = pages(release)
    names = {"index", "pages/homes", "pages/advice", "pages/accessibility"}
    assert set(found) == {f"{name}{end}.html" for name in names for end in ("", ".cy")}
    for path, text in found.items():
        assert problems(text) == [], path
        language = "cy" if path.endswith(".cy.html") else "en"
        assert next(read(text)[0].all("html")).attrs["lang"] == language


def test_every_link_leads_to_a_file_of_the_release_or_is_told_of_the_web(release: Path) -> None:
    for path, text in pages(release).items():
        root, _ = read(text)
        for node in root.all("a", "link"):
            address = urlsplit(node.attrs["href"])
            if address.scheme:
                assert address.scheme == "https", path
                assert node.tag == "a", "nothing is loaded from elsewhere"
                continue
            target = (release / path).parent / unquote(address.path) if address.path else release
            assert target.resolve().is_relative_to(release.resolve()), (path, address)
            assert target.exists(), (path, address)
            if address.fragment:
                at = target if address.path else release / path
                ids = {n.attrs.get("id") for n in read(at.read_text("utf-8"))[0].all()}
                assert address.fragment in ids, (path, address)


def test_nothing_is_fetched_from_elsewhere(release: Path) -> None:
    style = (release / "pages/style.css").read_text("utf-8")
    assert not re.search(r"url\(|@import|@font-face|GDS Transport|crown|crest", style)
    for text in pages(release).values():
        assert not re.search(r"<(script|img|iframe|object|embed|video|form)\b", text)


def test_downloads_are_those_of_the_facts(release: Path, facts: ReleaseFacts) -> None:
    homes = facts.tables[0]
    zips = {a.value: a for a in facts.archives if a.kind == "partition"}
    for language, text in languages(release, "pages/homes").items():
        table = rows(read(text)[0], "downloads-caption")
        told = {cells[-1] or None: cells[:-1] for cells in table.values()}
        assert told == {
            value: [size(zips[value].bytes), size(part.bytes), number(part.rows or 0)]
            for value, part in zip(("E06000001", "W06000001", None), homes.parts, strict=True)
        }
        assert list(table)[-1] == words(language)("downloads.no_value")


def test_an_area_has_its_name_in_both_languages(tmp_path: Path, facts: ReleaseFacts) -> None:
    codes = facts.register.codelists["local_authority"]
    welsh = replace(codes, attributes={"W06000001": {"name_cy": "Sir Ynys Môn"}})
    register = replace(facts.register, codelists={"local_authority": welsh})
    folder = tmp_path / "named"
    folder.mkdir()
    write_pages(replace(facts, register=register), folder)
    found = languages(folder, "pages/homes")
    english, cymraeg = (list(rows(read(found[each])[0], "downloads-caption")) for each in found)
    assert english[:2] == ["Hartlepool", "Isle of Anglesey (Sir Ynys Môn)"]
    assert cymraeg[:2] == ["Hartlepool", "Sir Ynys Môn (Isle of Anglesey)"]
    assert '<span lang="cy">Sir Ynys Môn</span>' in found["en"]
    assert '<span lang="en">Isle of Anglesey</span>' in found["cy"]


def test_accounts_are_the_public_ones(release: Path, facts: ReleaseFacts) -> None:
    ledger = public_ledger(facts)["tables"]
    for text in languages(release, "index").values():
        root, _ = read(text)
        assert rows(root, "accounting-caption") == {
            name: [
                number(counts[key]) for key in ("published", "outOfScope", "withheld", "invalid")
            ]
            for name, counts in ledger.items()
        }
        assert [cells[0] for cells in rows(root, "tables-caption").values()] == ["60", "28"]
    assert ledger["homes"]["withheld"] == 10, "and not the 7 of the exact ledger"


def test_the_dictionary_says_what_the_schema_says(release: Path, facts: ReleaseFacts) -> None:
    with_missing = replace(facts.tables[0], missing={"score": 12}, first_years={"score": "2019"})
    write_pages(replace(facts, tables=(with_missing, facts.tables[1])), release)
    for language, text in languages(release, "pages/homes").items():
        told = rows(read(text)[0], "dictionary-caption")
        assert list(told) == list(facts.tables[0].schema.names)
        number_type = words(language)("type.number")
        assert told["area"] == ["", number_type, "m2", "", "", "", "OGL-UK-3.0"]
        assert told["rating"][3] == "A | B | C"
        assert told["score"][3:6] == ["at least 0", "20%", "2019"]
        assert told["address"][-1] == "LicenseRef-addresses"


def test_issues_are_told_in_words(release: Path) -> None:
    for language, text in languages(release, "pages/homes").items():
        say = words(language)
        cells = [say("issue.max-length"), say("quality.error"), "3"]
        assert rows(read(text)[0], "quality-caption") == {"address": cells}


def test_small_counts_of_an_open_release_are_not_told(tmp_path: Path, facts: ReleaseFacts) -> None:
    policy = replace(facts.policy, personal_data=False)
    write_pages(replace(facts, policy=policy), tmp_path)
    for language, text in languages(tmp_path, "pages/homes").items():
        few = words(language)("quality.few", least=10)
        assert rows(read(text)[0], "quality-caption")["address"][-1] == few


def test_protection_is_the_public_statement(tmp_path: Path, facts: ReleaseFacts) -> None:
    key_set = KeySetFacts(
        id="who",
        why="why",
        keys=("rating", "score"),
        unit=False,
        asked={"k": 5},
        measures={"k": 6},
        worst=(0.123456, "E06000001"),
        before={"k": 1},
    )
    table = replace(facts.tables[0], key_sets=(key_set,), starred={"score": 13}, alone=4)
    write_pages(replace(facts, tables=(table, facts.tables[1]), identifying=("a",)), tmp_path)
    for language, text in languages(tmp_path, "pages/homes").items():
        root, say = read(text)[0], words(language)
        records = say("protection.rows")
        assert rows(root, "protection-caption") == {"rating, score": [f"5 {records}", "6"]}
        assert rows(root, "starred") == {"score": ["10"]}
        assert say("protection.linked", share="6.67%") in root.text()
        assert "0.12" not in text
        assert "13" not in rows(root, "starred")["score"]


def test_changes_are_those_of_the_lists(tmp_path: Path, facts: ReleaseFacts) -> None:
    def change(kind: str, name: str, rows: int | None, *, parquet: bool) -> ChangeFacts:
        file = FileFacts(f"changes/old/{name}", 10, "0" * 64, rows)
        schema = facts.tables[0].schema if parquet else None
        return ChangeFacts("old", kind, file, None if kind == "index" else "homes", 0, schema)

    lists = (
        change("index", DOCUMENT, None, parquet=False),
        change("records", "homes.parquet", 1234, parquet=True),
        change("records", "homes.csv.gz", 1234, parquet=False),
        change("removed", "homes-removed.parquet", 5, parquet=True),
    )
    write_pages(replace(facts, changes=lists), tmp_path)
    for text in languages(tmp_path, "index").values():
        assert rows(read(text)[0], "changes-caption") == {"homes": ["old", "1,234", "5"]}
    for text in languages(tmp_path, "pages/homes").values():
        cells = rows(read(text)[0], "changes-caption")["old"]
        assert cells == ["1,234", "5", "homes.parquet homes.csv.gz homes-removed.parquet"]


@pytest.mark.parametrize("personal", [True, False])
def test_what_personal_data_means_is_said(
    tmp_path: Path, facts: ReleaseFacts, personal: bool
) -> None:
    policy = replace(facts.policy, personal_data=personal)
    write_pages(replace(facts, policy=policy), tmp_path)
    for language, text in languages(tmp_path, "index").items():
        said, say = read(text)[0].text(), words(language)
        assert (say("personal.duty") in said) is personal
        assert (say("personal.no") in said) is not personal
        assert "Copyright notice." in said, "the notice of the address columns"


def test_welsh_pages_mark_what_the_register_says_in_english(release: Path) -> None:
    for page in ("index", "pages/homes"):
        root, _ = read(languages(release, page)["cy"])
        main = next(root.all("main"))
        told = [
            n
            for n in main.all()
            if "Homes register" in "".join(p for p in n.parts if isinstance(p, str))
        ]
        assert told
        assert all(node.language() == "en" for node in told)


def test_hashes_are_those_of_the_archives(release: Path) -> None:
    for text in languages(release, "index").values():
        told = rows(read(text)[0], "hashes")
        assert told
        for path, (digest,) in told.items():
            assert hashlib.sha256((release / path).read_bytes()).hexdigest() == digest


def test_the_lines_read_all_rows(release: Path, facts: ReleaseFacts) -> None:
    table = facts.tables[0]
    lines = {recipe.tool: recipe.code for recipe in recipes(table)}
    before = Path.cwd()
    os.chdir(release)
    try:
        assert len(duckdb.execute(lines["DuckDB"]).fetchall()) == table.ledger.published
        for tool, known in (("Polars", {"pl": pl}), ("pandas", {"pd": pd})):
            last = lines[tool].splitlines()[-1].replace(".head()", "")
            assert len(eval(last, known)) == table.ledger.published, tool
    finally:
        os.chdir(before)


def test_pages_are_checked_like_everything_else(release: Path) -> None:
    sums = parse_checksums((release / "SHA256SUMS").read_text("utf-8"))
    assert {*pages(release), "pages/style.css", "pages/LICENCE-govuk-frontend.txt"} <= set(sums)
    assert verify(release).ok
    page = release / "pages/homes.cy.html"
    page.write_text(page.read_text("utf-8").replace("homes", "hames", 1), "utf-8")
    (release / "pages/other.html").write_text("<p>", "utf-8")
    found = {(f.code, f.path, f.details.get("where")) for f in verify(release).findings}
    assert {
        ("E705", "pages/homes.cy.html", "SHA256SUMS"),
        ("E705", "pages/homes.cy.html", "datapackage.json"),
        ("E704", "pages/other.html", "SHA256SUMS"),
        ("E704", "pages/other.html", "datapackage.json"),
    } <= found


def test_the_same_facts_give_the_same_pages(tmp_path: Path, facts: ReleaseFacts) -> None:
    (tmp_path / "again").mkdir()
    write_pages(facts, tmp_path / "again")
    first = pages(tmp_path / "2024-01-31")
    assert pages(tmp_path / "again") == first


def test_a_table_without_records_still_has_its_page(tmp_path: Path, facts: ReleaseFacts) -> None:
    nothing = replace(
        facts.tables[1], parts=(), ledger=replace(facts.tables[1].ledger, published=0)
    )
    write_pages(replace(facts, tables=(facts.tables[0], nothing), archives=()), tmp_path)
    for language, text in languages(tmp_path, "pages/advice").items():
        assert problems(text) == []
        assert words(language)("tables.none") in read(text)[0].text()


@pytest.mark.parametrize("name", ["accessibility", "../homes", "a b", "a.cy"])
def test_a_name_that_is_no_file_stops(tmp_path: Path, facts: ReleaseFacts, name: str) -> None:
    with pytest.raises(ReleaseError, match="E481"):
        write_pages(replace(facts, tables=(replace(facts.tables[0], name=name),)), tmp_path)


def test_describing_twice_changes_nothing(release: Path, facts: ReleaseFacts) -> None:
    before = {p: p.read_bytes() for p in release.rglob("*") if p.is_file()}
    describe(facts, release)
    assert {p: p.read_bytes() for p in release.rglob("*") if p.is_file()} == before


def test_the_pages_of_a_whole_register_are_light_and_quick(tmp_path: Path) -> None:
    """340 authorities, every column with an issue, as the heaviest page would be."""
    register = load_register("epc")
    codes = register.codelists["local_authority"]
    places = [code for code in codes.names if code[0] in "EW"][:340]
    tables = tuple(
        TableFacts(
            name=table.name,
            schema=table.schema,
            ledger=TableLedger(10**8, 10**8),
            parts=tuple(
                FileFacts(part_path(table.name, "local_authority", code), 10**8, "0" * 64, 10**6)
                for code in places
            ),
            issues=tuple(
                Issue(table.name, name, "warn-maximum", "warning", 10**4)
                for name in table.schema.names
            ),
            partition="local_authority",
            missing=dict.fromkeys(table.schema.names, 10**6),
        )
        for table in register.tables
    )
    archives = tuple(
        ArchiveFacts(
            *(partition_archive("domestic", code, codes), 10**8, "0" * 64),
            kind="partition",
            value=code,
            members=(MemberFacts("c.csv", "domestic-certificates", 10**6, 10**8),),
        )
        for code in places
    )
    policy = PolicyFacts("open", "Open", "All.", "0" * 64, "open", {})
    cutoff = datetime(2024, 1, 31, tzinfo=UTC)
    facts = ReleaseFacts(register, "r", cutoff, policy, tables, archives, (), "0.0.0")
    before = time.process_time()
    files = write_pages(facts, tmp_path)
    assert time.process_time() - before < 2
    style = next(file.bytes for file in files if file.path.endswith(".css"))
    assert max(file.bytes for file in files) + style < 300_000
    assert all(problems(text) == [] for text in pages(tmp_path).values())


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_has_contrast(release: Path) -> None:
    style = (release / "pages/style.css").read_text("utf-8")
    root = style.split(":root{")[3].partition("}")[0]
    named = dict(re.findall(r"--govuk-([a-z-]+-colour): (#[0-9a-f]{3,6})", root))
    paper = named["body-background-colour"]
    texts = ("text", "secondary-text", "link", "link-visited", "link-hover", "link-active")
    pairs = [(named[f"{name}-colour"], paper) for name in texts]
    pairs += [(named["focus-text-colour"], named["focus-colour"])]
    own = re.findall(r"\.release-[a-z]+\{[^}]*?background:(#\w+);color:(#\w+)", style)
    assert len(own) == 2
    pairs += [*own, *((named["link-colour"], background) for background, _ in own)]
    for first, second in pairs:
        low, high = sorted((_luminance(first), _luminance(second)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (first, second)


def test_every_class_is_styled(release: Path) -> None:
    style = (release / "pages/style.css").read_text("utf-8")
    used = {
        name
        for text in pages(release).values()
        for given in re.findall(r'class="([^"]+)"', text)
        for name in given.split()
    }
    assert [name for name in sorted(used) if f".{name}" not in style] == []
    assert set(LANGUAGES) == {"en", "cy"}
