"""Templates filled in with facts; whatever a fact holds, it comes out as plain text.

Every value is escaped, and signs that could turn the direction of text or hide in it are shown as
U+FFFD. What a template says itself is trusted; what ``words`` say is text, never markup.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from epc_release.manifests.pages.places import link, web
from epc_release.manifests.pages.words import LANGUAGES, Words, number, size

SOURCE_LANGUAGE = "en"  # of what registers and policies say
_SHOWN = "\ufffd"


@dataclass(frozen=True)
class Page:
    """One page: its path, its language, and the same page in each language."""

    path: str
    words: Words
    versions: Mapping[str, str]

    def say(self, key: str, **given: object) -> str:
        """A text of the page's language, safe where a value in it is markup."""
        if any(isinstance(value, Markup) for value in given.values()):
            return Markup(escape(self.words.template(key)).format(**given))  # noqa: S704 - it is escaped
        return self.words(key, **given)

    def source(self, text: object) -> str:
        """Text of the register or the policy, marked where its language is not the page's."""
        if self.words.language == SOURCE_LANGUAGE or not str(text):
            return str(text)
        return Markup('<span lang="{}">{}</span>').format(SOURCE_LANGUAGE, inert(text))

    def link(self, path: str) -> str:
        """The address of a file of the release, from this page."""
        return link(self.path, path)


def render(page: Page, template: str, **told: object) -> str:
    """The HTML of a page."""
    text = (
        _environment()
        .get_template(template)
        .render(
            page=page,
            t=page.say,
            source=page.source,
            link=page.link,
            other=next(each for each in LANGUAGES if each != page.words.language),
            **told,
        )
    )
    return text.rstrip() + "\n"


def inert(value: object) -> object:
    """A value without signs that nobody sees: controls, marks of direction, line separators."""
    if isinstance(value, Markup):
        return Markup(_visible(str(value)))  # noqa: S704 - it was markup already
    return _visible(value) if isinstance(value, str) else value


def _visible(text: str) -> str:
    if text.isascii() and (text.isprintable() or text.replace("\n", "").isprintable()):
        return text
    return "".join(_SHOWN if _hidden(sign) else sign for sign in text)


def _hidden(sign: str) -> bool:
    if sign in "\n\t":
        return False
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")


@cache
def _environment() -> Environment:
    folder = resources.files(__package__).joinpath("templates")
    environment = Environment(
        loader=DictLoader(
            {f.name: f.read_text(encoding="utf-8") for f in sorted(folder.iterdir(), key=str)}
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "size": size}
    environment.tests |= {"web": lambda address: web(address) is not None}
    return environment
