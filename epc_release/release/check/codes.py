"""What a check can find, as data: the names of the data quality specification and how to mend."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from epc_release.errors import ReleaseError

_SOURCE = {
    "io-error": ("E201", "E207", "E252"),
    "http-error": ("E250", "E251"),
    "scheme-error": ("E204",),
    "format-error": ("E208",),
    "encoding-error": ("E210", "E212", "E213"),
    "schema-error": ("E130", "E131", "E132", "E133", "E134", "E135", "E136", "E137"),
}


@dataclass(frozen=True)
class Code:
    """``error`` is the name in the data quality specification, empty where it has none."""

    error: str
    says: str
    mend: str


@cache
def codes() -> Mapping[str, Code]:
    """All codes of issues."""
    text = resources.files(__package__).joinpath("codes.toml").read_text(encoding="utf-8")
    return {name: Code(**entry) for name, entry in tomllib.loads(text).items()}


def code_of(error: ReleaseError) -> str:
    """The code of what stopped the reading of a file."""
    number = error.problem.code
    return next((code for code, those in _SOURCE.items() if number in those), "source-error")
