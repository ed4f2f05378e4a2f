"""One file of a release, to a folder: resumed, bounded by its described size, whole or not there.

What arrives goes to ``<name>.part`` beside its place and gets its name only when its hash is right.
No link is followed: neither a file nor a folder on the way may be one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import is_safe_path
from epc_release.manifests.reader import Reader
from epc_release.release.disk import flush_folder

PART = ".part"
_BLOCK = 1 << 20
_THREADS = 8
_SPARE_BYTES = 64 << 20  # of a disk are left free
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # elsewhere (Windows) links are looked for by name alone
Told = Callable[[int], None]


@dataclass(frozen=True)
class Wanted:
    """A file of a release: path, bytes and sha256 as its descriptions say."""

    path: str
    bytes: int
    sha256: str


def download(reader: Reader, files: Sequence[Wanted], folder: Path, tell: Told) -> None:
    """Bring the files to their paths below ``folder``; those that are there are not asked for.

    Several at a time. The first failure is raised when the others under way have ended; what has
    arrived by then stays and is resumed. Raises E616, E748 to E750 and E752, and what the store
    raises. ``tell`` is told of bytes, and may be called from threads.
    """
    check_space(files, folder)
    with ThreadPoolExecutor(_THREADS) as pool:
        doing = [pool.submit(obtain, reader, file, folder, tell) for file in files]
        try:
            for each in doing:
                each.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def check_space(files: Sequence[Wanted], folder: Path) -> None:
    """Raise E749 where the files would not fit on the disk of ``folder``."""
    needed = sum(file.bytes for file in files if not _there(folder / file.path, file.bytes))
    free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    if needed + _SPARE_BYTES > free:
        raise ReleaseError("E749", folder=folder, needed=needed, free=free)


def _there(file: Path, size: int) -> bool:
    return file.is_file() and not file.is_symlink() and file.stat().st_size == size


def obtain(reader: Reader, file: Wanted, folder: Path, tell: Told = lambda _: None) -> Path:
    """One file, for :func:`download`; its local path."""
    target = safe_target(folder, file.path)
    if _there(target, file.bytes) and _sha256(target) == file.sha256:
        tell(file.bytes)
        return target
    size = reader.size(file.path)
    if size != file.bytes:
        raise ReleaseError("E748", path=file.path, found=size, expected=file.bytes)
    partial = target.with_name(target.name + PART)
    held = _receive(reader, file, partial, tell)
    if held and not _right(partial, file):
        partial.unlink()  # what an earlier run left was of another file: once more from the start
        _receive(reader, file, partial, tell)
    if not _right(partial, file):
        partial.unlink(missing_ok=True)
        raise ReleaseError("E750", path=file.path)
    partial.replace(target)
    flush_folder(target.parent)
    return target


def _right(partial: Path, file: Wanted) -> bool:
    return _there(partial, file.bytes) and _sha256(partial) == file.sha256


def safe_target(folder: Path, path: str) -> Path:
    """Where ``path`` stands below ``folder``; folders are made. Raises E616, and E752 at a link."""
    if not is_safe_path(path) or path.endswith(PART):
        raise ReleaseError("E616", path=repr(path)[:120])
    target = folder
    folder.mkdir(parents=True, exist_ok=True)
    *above, name = path.split("/")
    for step in above:
        target = target / step
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise ReleaseError("E752", path=target)
        target.mkdir(exist_ok=True)
    target = target / name
    for each in (target, target.with_name(name + PART)):
        if each.is_symlink() or each.is_dir():
            raise ReleaseError("E752", path=each)
    return target


def _receive(reader: Reader, file: Wanted, partial: Path, tell: Told) -> int:
    """Add to ``partial`` what it lacks, never more than is described; the bytes it had."""
    held = partial.stat().st_size if partial.is_file() else 0
    if held > file.bytes:
        partial.unlink()
        held = 0
    tell(held)
    if held == file.bytes and held:
        return held
    with open(partial, "ab", opener=_no_link) as sink, reader.open(file.path) as source:
        source.seek(held)
        _copy(source, sink, file, file.bytes - held, tell)
        sink.flush()
        os.fsync(sink.fileno())
    return held


def _copy(source: BinaryIO, sink: BinaryIO, file: Wanted, left: int, tell: Told) -> None:
    while left:
        block = source.read(min(left, _BLOCK))
        if not block:
            raise ReleaseError("E748", path=file.path, found="less", expected=file.bytes)
        sink.write(block)
        left -= len(block)
        tell(len(block))


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_LINK, 0o644)


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
