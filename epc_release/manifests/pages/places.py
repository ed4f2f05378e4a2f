"""Where the pages stand, and links between them and to the files of the release."""

from __future__ import annotations

import re
from posixpath import relpath
from urllib.parse import quote, urlsplit

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import PAGES
from epc_release.manifests.pages.words import LANGUAGES

STYLE, LICENCE = f"{PAGES}/style.css", f"{PAGES}/LICENCE-govuk-frontend.txt"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def index_page(language: str) -> str:
    """The page that readers begin with."""
    return f"index{_suffix(language)}.html"


def table_page(table: str, language: str) -> str:
    """The page of a table. Raises E481 where its name cannot be a file's."""
    if not _SAFE_NAME.fullmatch(table) or table == "accessibility":
        raise ReleaseError("E481", table=ascii(table))
    return f"{PAGES}/{table}{_suffix(language)}.html"


def accessibility_page(language: str) -> str:
    """The accessibility statement."""
    return f"{PAGES}/accessibility{_suffix(language)}.html"


def link(page: str, path: str) -> str:
    """The address of a file of the release, as a page of it says it.

    A path may hold ``%`` itself (hive's encoding), so it is encoded as a whole.
    """
    start = page.rpartition("/")[0] or "."
    return quote(relpath(path, start), safe="/=")


def web(address: object) -> str | None:
    """An address of the web that may be a link; None for any other kind (``javascript:``)."""
    text = str(address)
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.netloc else None


def _suffix(language: str) -> str:
    return "" if language == LANGUAGES[0] else f".{language}"
