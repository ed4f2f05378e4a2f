"""The three places of a build: work (private, temporary), state (private, kept), out (finished).

Work is removed when the build ends, however it ends; what a killed build left is removed by the
next one, told apart by a lock that dies with its process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.disk import flush_folder, held, private_folder

PREFIX = "epc-release-build-"


@contextmanager
def workspace(settings: Settings) -> Iterator[Path]:
    """A private folder for one build. Raises E306 where the places stand inside one another."""
    refuse_nesting(settings)
    base = work_base(settings)
    private_folder(base)
    if settings.work is None:
        settings.state.chmod(0o700)
    try:
        with temporary(base, PREFIX) as folder:
            yield folder
    finally:
        if settings.work is None:
            with suppress(OSError):  # another build's folder is in it
                base.rmdir()


def work_base(settings: Settings) -> Path:
    """Where builds have their private folders."""
    return settings.work or settings.state / "work"


@contextmanager
def temporary(base: Path, prefix: str) -> Iterator[Path]:
    """A private folder in ``base``, removed at the end; so is what a killed process left there.

    ``prefix`` tells the folders of one kind of work from all others in ``base``.
    """
    _remove_abandoned(base, prefix)
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".lock", dir=base)
    os.close(descriptor)
    lock = Path(name)
    folder = lock.with_suffix("")
    try:
        with held(lock):  # before the folder is there, so that it is never without its lock
            folder.mkdir(mode=0o700)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)


def refuse_nesting(settings: Settings) -> None:
    """State and work hold private data: never inside what is served or synced, nor around it."""
    out = settings.out.resolve()
    for name in ("state", "work"):
        place: Path | None = getattr(settings, name)
        if place is not None and (place.resolve() == out or out in place.resolve().parents):
            raise ReleaseError("E306", place=name, path=place, out=settings.out)


def _remove_abandoned(base: Path, prefix: str) -> None:
    for lock in base.glob(f"{prefix}*.lock"):
        # gone: another process was faster; not permitted: another user's
        with suppress(FileNotFoundError, PermissionError), held(lock) as abandoned:
            if abandoned:
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)


def install(made: Path, out: Path, release: str) -> bool:
    """Move a finished release into ``out`` in one step; False where the same one stands there.

    Raises E601 where another release of that id stands there.
    """
    target = out / release
    out.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return _same(made, target)
    try:
        made.rename(target)
    except OSError:
        if target.exists():  # another build was faster
            return _same(made, target)
        # another file system: copy beside the target first
        arriving = Path(tempfile.mkdtemp(prefix=f".{release}-", dir=out))
        try:
            shutil.copytree(made, arriving, dirs_exist_ok=True)
            arriving.chmod(0o755)
            arriving.rename(target)
        except BaseException:
            shutil.rmtree(arriving, ignore_errors=True)
            raise
    flush_folder(out)
    return True


def _same(made: Path, target: Path) -> bool:
    sums = target / "SHA256SUMS"
    if sums.is_file() and sums.read_bytes() == (made / "SHA256SUMS").read_bytes():
        return False
    raise ReleaseError("E601", path=target)
