"""Write the pages of a release into its folder."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from epc_release.manifests.canonical import to_utc, write_text
from epc_release.manifests.facts import FileFacts, ReleaseFacts, TableFacts
from epc_release.manifests.issues import ToldIssue, least_count
from epc_release.manifests.layout import (
    CHECKSUMS,
    DESCRIPTOR,
    DICTIONARY,
    DISCLOSURE,
    ISSUES,
    LEDGER,
    PAGES,
    QUALITY,
    UNKNOWN_YEAR,
)
from epc_release.manifests.ledger import public_ledger
from epc_release.manifests.pages.downloads import downloads, whole
from epc_release.manifests.pages.places import (
    LICENCE,
    STYLE,
    accessibility_page,
    index_page,
    table_page,
)
from epc_release.manifests.pages.recipes import download_recipe, recipes
from epc_release.manifests.pages.render import Page, render
from epc_release.manifests.pages.tables import changes, columns, issues, licences
from epc_release.manifests.pages.words import LANGUAGES, words
from epc_release.manifests.protected import protection

# Sections of a page in order: the id and the text of its heading.
_INDEX = (
    ("about", "about.heading"),
    ("tables", "tables.heading"),
    ("downloads", "downloads.heading"),
    ("licence", "licence.heading"),
    ("personal", "personal.heading"),
    ("accounting", "accounting.heading"),
    ("changes", "changes.heading"),
    ("read", "read.heading"),
    ("check", "check.heading"),
    ("quality", "quality.heading"),
    ("protection", "protection.heading"),
    ("limits", "limits.heading"),
    ("contact", "contact.heading"),
    ("cite", "contact.cite"),
)
_TABLE = (
    ("downloads", "downloads.by_area"),
    ("changes", "changes.heading"),
    ("read", "read.heading"),
    ("dictionary", "dictionary.heading"),
    ("quality", "quality.heading"),
    ("protection", "protection.heading"),
)
_DOCUMENTS = (
    (DESCRIPTOR, "documents.descriptor"),
    (DICTIONARY, "documents.dictionary"),
    (LEDGER, "documents.ledger"),
    (QUALITY, "documents.quality"),
    (ISSUES, "documents.issues"),
    (DISCLOSURE, "documents.disclosure"),
    (CHECKSUMS, "documents.checksums"),
)


def write_pages(facts: ReleaseFacts, folder: Path) -> list[FileFacts]:
    """Write every page in each language, and what they are styled with.

    Raises E480 where a text is missing in a language, E481 where a table's name is no file's.
    """
    (folder / PAGES).mkdir(exist_ok=True)
    assets = resources.files(__package__).joinpath("assets")
    written = [
        write_text(folder, path, assets.joinpath(path.rpartition("/")[2]).read_text("utf-8"))
        for path in (STYLE, LICENCE)
    ]
    found = issues(facts)
    for language in LANGUAGES:
        for page, template, told in _pages(facts, found, language):
            written.append(write_text(folder, page.path, render(page, template, **told)))
    return written


def _pages(
    facts: ReleaseFacts, found: dict[str, list[ToldIssue]], language: str
) -> Iterator[tuple[Page, str, dict[str, Any]]]:
    """Each page of a language, its template and what that is told."""
    texts = words(language)
    common = {
        "facts": facts,
        "style": STYLE,
        "others": {each: words(each) for each in LANGUAGES},
        "index": index_page(language),
        "accessibility": accessibility_page(language),
        "publisher": ", ".join(str(entry["title"]) for entry in facts.register.contributors)
        or facts.register.title,
    }
    page = Page(index_page(language), texts, {each: index_page(each) for each in LANGUAGES})
    yield page, "index.html", common | _index(facts, found, page)
    for table in facts.tables:
        versions = {each: table_page(table.name, each) for each in LANGUAGES}
        page = Page(versions[language], texts, versions)
        yield page, "table.html", common | _table(facts, table, found[table.name], language)
    versions = {each: accessibility_page(each) for each in LANGUAGES}
    yield Page(versions[language], texts, versions), "accessibility.html", common


def _index(facts: ReleaseFacts, found: dict[str, list[ToldIssue]], page: Page) -> dict[str, Any]:
    language, archives = page.words.language, whole(facts)
    first = next((table for table in facts.tables if table.parts), None)
    return {
        "sections": _INDEX,
        "pages": {table.name: table_page(table.name, language) for table in facts.tables},
        "cutoff": to_utc(facts.cutoff),
        "day": page.words.day(facts.cutoff, facts.register.timezone),
        "total": sum(table.ledger.published for table in facts.tables),
        "archives": archives,
        "unknown_year": UNKNOWN_YEAR,
        "documents": _DOCUMENTS,
        "licences": licences(facts),
        "ledger": public_ledger(facts),
        "issues": found,
        "indexes": [change for change in facts.changes if change.kind == "index"],
        "changes": changes(facts),
        "by_unit": any(facts.register.table(table.name).unit for table in facts.tables),
        "grouped": any(table.key_sets for table in facts.tables),
        "recipes": recipes(first) if first else [],
        "download": download_recipe([archive.path for archive in archives[:1]]),
    }


def _table(
    facts: ReleaseFacts, table: TableFacts, found: list[ToldIssue], language: str
) -> dict[str, Any]:
    return {
        "sections": _TABLE,
        "table": table,
        "downloads": downloads(facts, table, language),
        "changes": [each for each in changes(facts) if each.table == table.name],
        "recipes": recipes(table) if table.parts else [],
        "columns": columns(facts, table),
        "issues": found,
        "least": least_count(facts),
        "protected": protection(facts, table),
    }
