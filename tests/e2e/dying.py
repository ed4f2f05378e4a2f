"""``epc-release`` that kills itself, as ``kill -9`` does, at a step of its journal.

Usage: ``python dying.py STEP ARGUMENT...``; STEP counts commits from 1, and 0 never comes.
"""

from __future__ import annotations

import os
import signal
import sys

from epc_release.release import journal
from epc_release.release.cli import main
from epc_release.release.journal import Journal


def die_at(step: int) -> None:
    """Every result is a step; the process is gone before or after its record is written."""
    journal.EVERY = 0.0
    commit, done = Journal.commit, [0]

    def counted(self: Journal) -> None:
        waits = bool(self._waiting)
        done[0] += waits
        if waits and done[0] == step and step % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self)
        if waits and done[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.commit = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
