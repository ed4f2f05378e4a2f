"""The texts of the pages in each language, from ``strings/<language>.toml``.

A text that is missing in a language stops the build: a Welsh page never has an English one instead.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from epc_release.errors import ReleaseError

LANGUAGES = ("en", "cy")
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Words:
    """One language: ``texts`` by dotted key, with ``{name}`` where a value goes."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **given: object) -> str:
        """The text of a key, filled in. Raises E480 where there is none."""
        return self.template(key).format(**given)

    def template(self, key: str) -> str:
        """The text of a key with its ``{name}``. Raises E480 where there is none."""
        text = self.texts.get(key, "")
        if not text.strip():
            raise ReleaseError("E480", key=key, language=self.language)
        return text

    def day(self, time: datetime, timezone: str) -> str:
        """The day of a moment in the register's time zone: ``31 January 2024``."""
        local = time.astimezone(ZoneInfo(timezone))
        return f"{local.day} {self(f'month.{local.month}')} {local.year}"


@cache
def words(language: str) -> Words:
    """The texts of ``language``. Raises E480 for a language without a file."""
    file = resources.files(__package__).joinpath("strings", f"{language}.toml")
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReleaseError("E480", key="every text", language=language) from None
    return Words(language, dict(_flat(told)))


def public_texts() -> Iterator[str]:
    """Everything that pages say before they are told a fact: texts, templates and styles."""
    for language in LANGUAGES:
        yield from words(language).texts.values()
    for folder in ("templates", "assets"):
        for file in resources.files(__package__).joinpath(folder).iterdir():
            yield file.read_text(encoding="utf-8")


def number(count: int) -> str:
    """A count with commas at thousands, as both languages write it."""
    return f"{count:,}"


def size(count: int) -> str:
    """Bytes for people: ``1.2 MB``; units of a thousand."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1
    return f"{value:.{digits}f} {_UNITS[unit]}"


def _flat(told: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value)
