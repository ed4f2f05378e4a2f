"""Whether the process that took a lease is dead, as far as this machine can prove it.

A process is told by its number and its start, within one boot of one machine and one namespace of
process numbers: elsewhere, as in another container, a number says nothing. Only Linux tells all of
this; on other systems nothing is proven, and a lease ends when it runs out.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_STATE, _START = 0, 19  # fields 3 and 22 of proc_pid_stat(5), counted after the name
_ENDED = ("Z", "X")  # a process that was killed and not yet waited for


@dataclass(frozen=True)
class Process:
    """``machine`` is a hash, empty where it is unknown; ``started`` is in ticks since the boot."""

    machine: str = ""
    pid: int = 0
    started: str = ""

    def is_dead(self) -> bool:
        """True only where it is proven."""
        if not self.machine or self.machine != _machine():
            return False
        return _started(self.pid) != self.started


def this_process() -> Process:
    """The process that asks."""
    return Process(_machine(), os.getpid(), _started(os.getpid()))


def parse(told: Mapping[str, Any]) -> Process:
    """What a lease tells of its process; nothing is proven by one that tells it in part."""
    machine, pid, started = told.get("machine"), told.get("pid"), told.get("started")
    if isinstance(machine, str) and isinstance(pid, int) and isinstance(started, str) and started:
        return Process(machine, pid, started)
    return Process()


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        numbers = str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""
    return hashlib.sha256(f"{platform.node()} {boot} {numbers}".encode()).hexdigest()[:32]


def _started(pid: int) -> str:
    """When a process started; empty where there is none, or where it has ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[_STATE] in _ENDED else fields[_START]
