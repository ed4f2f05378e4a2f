"""The journal of a build: which tasks are done and with what result, so that none is done twice.

Append-only records (length, CRC-32, pickled content) in a file of the work folder, mode 0600.
Before a record is written, what its task wrote is made to survive a loss of power; a record that
was cut off counts for nothing, and its task is run again. Tasks are idempotent: this is all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from zlib import crc32

import numpy as np
import polars as pl

from epc_release.release.disk import flush_file, flush_file_system, private
from epc_release.release.execute import Executor, Result, Task

EVERY = 1.0  # seconds of work that may be lost
_HEAD = struct.Struct("<QI")  # bytes of the content, and their CRC-32
_INSTALLED = "installed"


class Journal:
    """An open journal. ``known`` are the results that it held when it was opened, by task."""

    def __init__(self, path: Path) -> None:
        self.known: dict[str, Any] = {}
        self._path = path
        mode = "r+b" if path.exists() else "w+b"
        self._sink: IO[bytes] = open(path, mode, opener=private)  # noqa: SIM115 - close() does
        self._waiting: list[tuple[str, Any]] = []
        self._written = time.monotonic()
        end = 0
        for end, (key, content) in _records(self._sink):  # noqa: B007 - the last one counts
            self.known[key] = content
        self._sink.truncate(end)
        self._sink.seek(end)

    def add(self, key: str, content: object) -> None:
        """Take on a result; it is written with those of the next second."""
        self._waiting.append((key, content))
        if time.monotonic() - self._written >= EVERY:
            self.commit()

    def commit(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        flush_file_system(self._path.parent)
        for record in self._waiting:
            content = pickle.dumps(record)
            self._sink.write(_HEAD.pack(len(content), crc32(content)))
            self._sink.write(content)
        self._waiting.clear()
        flush_file(self._sink)
        self._written = time.monotonic()

    @property
    def installed(self) -> Any:
        """What is kept of a release that was about to be moved to its place; None before."""
        return self.known.get(_INSTALLED)

    def install(self, kept: object) -> None:
        """The release is whole and verified, and may be moved to its place."""
        self.add(_INSTALLED, kept)
        self.commit()

    def close(self) -> None:
        """Give up the file; what waits is written where nothing went wrong before."""
        self._sink.close()


def _records(source: IO[bytes]) -> Iterator[tuple[int, tuple[str, Any]]]:
    """Each whole record and where it ends."""
    end = source.seek(0, os.SEEK_END)
    source.seek(0)
    while len(head := source.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        if source.tell() + length > end or crc32(content := source.read(length)) != checksum:
            return
        yield source.tell(), pickle.loads(content)  # noqa: S301 - our own, in a folder of mode 0700


class Journaled:
    """An executor that runs only those tasks of which the journal has no result."""

    def __init__(self, inner: Executor, journal: Journal) -> None:
        self.inner, self.jobs, self.journal = inner, inner.jobs, journal

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Result]]:
        done: list[tuple[Task, Result]] = []
        keys: dict[int, str] = {}

        def left() -> Iterator[Task]:
            for task in tasks:
                key = task_key(function, task)
                if key in self.journal.known:
                    done.append((task, self.journal.known[key]))
                else:
                    keys[id(task)] = key
                    yield task

        for task, result in self.inner.run(function, left()):
            self.journal.add(keys.pop(id(task)), result)
            yield from _emptied(done)
            yield task, result
        self.journal.commit()
        yield from _emptied(done)

    def close(self) -> None:
        self.inner.close()


def task_key(function: Callable[..., object], task: object) -> str:
    """What tells a task apart from all others of a build: equal tasks have equal keys."""
    content = repr(_plain(task)).encode()
    return f"{function.__module__}.{function.__qualname__} {hashlib.sha256(content).hexdigest()}"


def _plain(value: object) -> object:
    """Nested tuples of what a value holds. (A pickle also tells which of its parts are one object,
    and a set's order is another one in each process.)"""
    if dataclasses.is_dataclass(value):
        parts = (_plain(getattr(value, each.name)) for each in dataclasses.fields(value))
        return type(value).__qualname__, *parts
    match value:
        case Mapping():
            return tuple(sorted((repr(_plain(k)), repr(_plain(v))) for k, v in value.items()))
        case frozenset() | set():
            return tuple(sorted(repr(_plain(each)) for each in value))
        case tuple() | list():
            return tuple(_plain(each) for each in value)
        case pl.Series():
            return str(value.dtype), tuple(value.to_list())
        case np.ndarray():
            return str(value.dtype), value.tobytes()
        case None | str() | bytes() | int() | float() | Path():
            return value
    return pickle.dumps(value)


def _emptied(pairs: list[Any]) -> Iterator[Any]:
    while pairs:
        yield pairs.pop(0)
