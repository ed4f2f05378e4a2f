"""Errors are data: a stable code, a message, a reason, a fix and an exit code.

The catalogue is the TOML files of ``epc_release/problems``; ``epc-release explain CODE`` and the
pages of ``docs/errors`` are made from it. No message ever holds a value of a protected column.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

EXIT_DONE, EXIT_DEFECT, EXIT_USAGE, EXIT_QUALITY, EXIT_DISCLOSURE = 0, 1, 2, 3, 4
EXIT_STORAGE, EXIT_CONFLICT, EXIT_VERIFICATION, EXIT_INTERRUPTED = 5, 6, 7, 130


@dataclass(frozen=True)
class Problem:
    """One kind of error: ``message`` and ``fix`` are format strings over the details of one."""

    code: str
    title: str
    exit: int
    message: str
    when: str
    fix: str


@cache
def catalogue() -> Mapping[str, Problem]:
    """All problems by code, in order of their codes."""
    found: dict[str, Problem] = {}
    for file in resources.files("epc_release").joinpath("problems").iterdir():
        if file.name.endswith(".toml"):
            for code, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
                if code in found:
                    raise ValueError(f"error code {code} is defined twice")
                found[code] = Problem(code=code, **entry)
    return dict(sorted(found.items()))


class ReleaseError(Exception):
    """Something that stops the work, for a reason that the reader can act on.

    ``details`` fill the templates of message and fix; they name files, lines, columns and rules,
    never protected values.
    """

    def __init__(self, code: str, /, **details: object) -> None:
        self.problem = catalogue()[code]
        self.details = details
        super().__init__(code, details)

    @property
    def exit(self) -> int:
        return self.problem.exit

    @property
    def fix(self) -> str:
        """What the reader can do about this occurrence."""
        return self.problem.fix.format(**self.details)

    def __str__(self) -> str:
        return f"{self.problem.code}: {self.problem.message.format(**self.details)}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.problem.code, self.details)


def _rebuild(code: str, details: Mapping[str, object]) -> ReleaseError:
    return ReleaseError(code, **details)
