"""The operations log around a change of what is public: a line before it, and one after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.release import keep
from epc_release.release.disk import private_folder


def logged(state: Path) -> Callable[[str, Mapping[str, Any]], AbstractContextManager[None]]:
    """A function of action and details that writes ``begun`` into the log of ``state``, and then
    ``done``, or ``failed`` with the code; ``begun`` alone is a change that was killed."""

    @contextmanager
    def around(action: str, details: Mapping[str, Any]) -> Iterator[None]:
        private_folder(state)
        keep.log(state, action, {**details, "outcome": "begun"})
        try:
            yield
        except ReleaseError as error:
            keep.log(state, action, {**details, "outcome": f"failed {error.problem.code}"})
            raise
        keep.log(state, action, {**details, "outcome": "done"})

    return around
