"""Progress of long work: bars on a terminal, log lines elsewhere. The only place with tqdm."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from epc_release.release import log
from epc_release.release.log import LOGGER, LogFormat

Advance = Callable[[int], None]


class Progress(Protocol):
    """What a long task tells: ``with progress.stage("route", 12, "chunks") as advance``.

    ``advance(n)`` says that ``n`` more units are done; ``total`` is None where it is unknown.
    """

    def stage(
        self, name: str, total: int | None = None, unit: str = "tasks"
    ) -> AbstractContextManager[Advance]: ...


class Silent:
    """Tells nothing."""

    @contextmanager
    def stage(
        self,
        name: str,  # noqa: ARG002
        total: int | None = None,  # noqa: ARG002
        unit: str = "tasks",  # noqa: ARG002
    ) -> Iterator[Advance]:
        yield lambda _: None


class Bars:
    """One bar a stage on standard error."""

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "tasks") -> Iterator[Advance]:
        from tqdm import tqdm

        with tqdm(
            total=total,
            desc=name,
            unit=f" {unit}",
            unit_scale=unit in {"bytes", "rows"},
            file=sys.stderr,
            dynamic_ncols=True,
        ) as bar:

            def advance(done: int) -> None:
                bar.update(done)

            yield advance


class Lines:
    """A log line when a stage starts and one when it is done."""

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "tasks") -> Iterator[Advance]:
        LOGGER.info("stage started", extra={"stage": name, "total": total, "unit": unit})
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more

        yield advance
        LOGGER.info("stage done", extra={"stage": name, "done": done, "unit": unit})


def start(log_format: LogFormat | None = None) -> Progress:
    """Turn logging on; the progress that goes with it.

    Bars on a terminal, log lines for machines, nothing for a person's redirected output. Without a
    format, the default of where we run.
    """
    found = log_format or log.default_format(os.environ, sys.stderr)
    log.start(found)
    if found == "json":
        return Lines()
    return Bars() if sys.stderr.isatty() else Silent()
