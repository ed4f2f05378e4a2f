"""A policy file, read strictly: what is not asked for is an error that names file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from epc_release.errors import ReleaseError

PARTS = ("records", "fields", "risk", "release")  # of a policy: arrays and tables


@dataclass(frozen=True)
class Document:
    """A TOML file: ``name`` is how messages call it."""

    path: Path
    name: str
    raw: bytes
    values: Mapping[str, Any]

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8")

    def sections(self, array: str) -> tuple[Section, ...]:
        """The tables of ``[[array]]`` in file order. Raises E141 if it is not such an array."""
        values = self.values.get(array, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.wrong(self.line_of(array), f"{array} must be written as [[{array}]]")
        return tuple(
            Section(self, array, value, self._header_line(array, index))
            for index, value in enumerate(values)
        )

    def section(self, table: str) -> Section:
        """The settings of ``[table]``, empty where it is not there. Raises E141."""
        values = self.values.get(table, {})
        if not isinstance(values, dict):
            self.wrong(self.line_of(table), f"{table} must be written as [{table}]")
        return Section(self, table, values, self.line_of(f"[{table}]"))

    def top(self) -> Section:
        """The settings that stand above all tables."""
        flat = {k: v for k, v in self.values.items() if k not in PARTS}
        return Section(self, "policy", flat, 1)

    def line_of(self, needle: str, start: int = 1) -> int:
        """The first line from ``start`` on that has ``needle`` as a word; else ``start``."""
        found = re.compile(rf"(?<![\w-]){re.escape(needle)}(?![\w-])")
        for number, line in enumerate(self.text.splitlines(), 1):
            if number >= start and found.search(line.split("#")[0]):
                return number
        return start

    def _header_line(self, array: str, index: int) -> int:
        header = re.compile(rf"\s*\[\[\s*{array}\s*\]\]")
        lines = [n for n, line in enumerate(self.text.splitlines(), 1) if header.match(line)]
        return lines[index] if index < len(lines) else 1

    def wrong(self, line: int, problem: str) -> NoReturn:
        raise ReleaseError("E141", file=self.name, line=line, problem=problem)


class Section:
    """One table of the file, taken key by key; ``done`` refuses what was not taken."""

    def __init__(self, document: Document, name: str, values: Mapping[str, Any], line: int) -> None:
        self.document = document
        self.name = name
        self.line = line
        self._left = dict(values)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def left(self) -> dict[str, Any]:
        """What was not taken yet."""
        return dict(self._left)

    def line_of(self, needle: str) -> int:
        return self.document.line_of(needle, self.line)

    def wrong(self, key: str, problem: str) -> NoReturn:
        self.document.wrong(self.line_of(key), problem)

    def text(self, key: str, choices: Sequence[str] = ()) -> str:
        """A text that is not empty, one of ``choices`` where given."""
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, f"{key} must be a text")
        if choices and value not in choices:
            self.wrong(key, f"{key} must be one of {', '.join(choices)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, not empty."""
        value = self._take(key)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            self.wrong(key, f"{key} must be a list of texts")
        return tuple(value)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.wrong(key, f"{key} must be true or false")
        return value

    def number(self, key: str) -> int | float:
        """A finite number: fixed limits only, so a text such as "p99" is refused."""
        value = self._take(key)
        if not _is_number(value):
            self.wrong(key, f"{key} must be a number (limits are fixed, never quantiles)")
        return value  # type: ignore[no-any-return]

    def numbers(self, key: str) -> tuple[int | float, ...]:
        """A list of finite numbers, not empty."""
        value = self._take(key)
        if not isinstance(value, list) or not value or not all(map(_is_number, value)):
            self.wrong(key, f"{key} must be a list of numbers")
        return tuple(value)

    def section(self, key: str) -> Section:
        """An inline table."""
        value = self._take(key)
        if not isinstance(value, dict):
            self.wrong(key, f"{key} must be a table of settings")
        return Section(self.document, key, value, self.line_of(key))

    def parts(self, key: str) -> tuple[Section, ...]:
        """A list of inline tables; none where the key is not given."""
        values = self._left.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.wrong(key, f"{key} must be a list of tables of settings")
        return tuple(Section(self.document, key, value, self.line_of(key)) for value in values)

    def done(self) -> None:
        """Raises E141 for a key that nobody took."""
        for key in self._left:
            self.wrong(key, f"{key} is not a key of {self.name}")

    def _take(self, key: str, default: Any = None) -> Any:
        if key not in self._left and default is None:
            self.document.wrong(self.line, f"{self.name} needs {key}")
        return self._left.pop(key, default)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value == value and abs(value) != float("inf")


def read_document(path: Path, name: str) -> Document:
    """Read a policy file. Raises E140."""
    try:
        raw = path.read_bytes()
        return Document(path, name, raw, tomllib.loads(raw.decode("utf-8")))
    except OSError as error:
        raise ReleaseError("E140", policy=name, problem=error.strerror or "unreadable") from None
    except UnicodeDecodeError:
        raise ReleaseError("E140", policy=name, problem="the file is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ReleaseError("E140", policy=name, problem=f"not TOML: {error}") from None
