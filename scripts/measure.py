"""One measured run of a command: wall and CPU seconds, and the peak memory of its process tree."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Run:
    """``cpu`` is user + system seconds of the process and all that it waited for.

    ``peak`` is the largest sum of anonymous memory (``RssAnon``; where the system does not tell it,
    the resident set) over the tree, in bytes, sampled every 50 ms.
    """

    wall: float
    cpu: float
    peak: int


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    accept: Collection[int] = (0,),
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> Run:
    """Run a command to its end; raises CalledProcessError where its exit code is another."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=stdout)
    peak = _Peak(process.pid)
    peak.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak.stop()
    if process.returncode not in accept:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak.bytes)


class _Peak(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.bytes = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            self.bytes = max(self.bytes, _tree(self.root))

    def stop(self) -> None:
        self.ended.set()
        self.join()


def _tree(root: psutil.Process) -> int:
    try:
        return sum(_anonymous(process) for process in [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def _anonymous(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    try:
        if not status.parent.parent.joinpath("self").exists():
            return int(process.memory_info().rss)
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except (OSError, psutil.Error):
        pass  # it ended between the listing and the look
    return 0
