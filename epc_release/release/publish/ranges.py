"""A remote object as a seekable file: it asks for ranges, more at a time while read in order."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Fetch = Callable[[int, int], bytes]  # (first byte, length) -> exactly those bytes

_FIRST, _LARGEST = 256 << 10, 8 << 20  # bytes asked for: after a seek, and at most


def ranged(size: int, fetch: Fetch) -> io.BufferedReader:
    """A buffered, seekable, read-only file of ``size`` bytes over ``fetch``."""
    return io.BufferedReader(_Ranges(size, fetch), buffer_size=64 << 10)


class _Ranges(io.RawIOBase):
    """Keeps one window of the object in memory; the window doubles while reading goes on."""

    def __init__(self, size: int, fetch: Fetch) -> None:
        self._size, self._fetch = size, fetch
        self._position, self._start, self._window = 0, 0, b""
        self._ask = _FIRST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(22, "seek before the start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        left = self._size - self._position
        if left <= 0 or not len(view):
            return 0
        end = self._start + len(self._window)
        if not self._start <= self._position < end:
            self._ask = min(self._ask * 2, _LARGEST) if self._position == end else _FIRST
            wanted = min(max(self._ask, len(view)), _LARGEST, left)
            self._start, self._window = self._position, self._fetch(self._position, wanted)
        offset = self._position - self._start
        piece = self._window[offset : offset + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
