"""A table of a TOML file as it is read: each key by its type, wrong and unknown ones as errors."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from epc_release.errors import ReleaseError


@dataclass(frozen=True)
class Section:
    """``values`` of the table ``where`` (dotted; empty at the top) of a register's ``file``.

    Each reader raises ReleaseError E121, naming file and key, for what is not of its type.
    """

    file: str
    where: str
    values: Mapping[str, Any]

    def wrong(self, problem: str) -> ReleaseError:
        """The error to raise for something wrong in this table."""
        where = f"[{self.where}] " if self.where else ""
        return ReleaseError("E121", file=self.file, problem=where + problem)

    def only(self, *keys: str) -> None:
        """Refuse keys that nothing reads."""
        for key in self.values:
            if key not in keys:
                raise self.wrong(f"{key} is no key of this table ({', '.join(keys)})")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(f"{key} must be given as text")
        return value

    def flag(self, key: str) -> bool:
        """A boolean, false where it is not given."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(f"{key} must be true or false")
        return value

    def count(self, key: str) -> int | None:
        """A whole number from 1 on, None where it is not given."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.wrong(f"{key} must be a whole number, 1 or more")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty where it is not given."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"{key} must be a list of texts")
        return tuple(value)

    def entries(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """A list of tables, empty where it is not given."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(f"{key} must be a list of tables")
        return tuple(value)

    def section(self, key: str) -> Section:
        """The table below ``key``, empty where it is not given."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(f"{key} must be a table")
        return Section(self.file, f"{self.where}.{key}" if self.where else key, value)


def read_section(file: Traversable, label: str) -> Section:
    """The whole TOML file ``file``, called ``label`` in errors; E121 where it cannot be read."""
    return Section(label, "", _parsed(file, label))


def _parsed(file: Traversable, label: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReleaseError("E121", file=label, problem="it cannot be read") from error
    except UnicodeDecodeError as error:
        raise ReleaseError("E121", file=label, problem="it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ReleaseError("E121", file=label, problem=f"it is no TOML: {error}") from error
