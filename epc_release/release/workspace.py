"""The three places of a build: work (private, temporary), state (private, kept), out (finished).

Work is removed when the build ends, however it ends; what a killed build left is removed by the
next one, told apart by a lock that dies with its process.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.disk import flush_folder, held

LOCK = "lock"


@contextmanager
def workspace(settings: Settings) -> Iterator[Path]:
    """A private folder for one build. Raises E306 where the places stand inside one another."""
    refuse_nesting(settings)
    base = settings.work or settings.state / "work"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.work is None:
        settings.state.chmod(0o700)
    _remove_abandoned(base)
    folder = Path(tempfile.mkdtemp(prefix="build-", dir=base))
    (folder / LOCK).touch()
    try:
        with held(folder / LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if settings.work is None:
            with suppress(OSError):  # another build's folder is in it
                base.rmdir()


def refuse_nesting(settings: Settings) -> None:
    """State and work hold private data: never inside what is served or synced, nor around it."""
    out = settings.out.resolve()
    for name in ("state", "work"):
        place: Path | None = getattr(settings, name)
        if place is not None and (place.resolve() == out or out in place.resolve().parents):
            raise ReleaseError("E306", place=name, path=place, out=settings.out)


def _remove_abandoned(base: Path) -> None:
    for folder in base.glob("build-*"):
        try:
            with held(folder / LOCK) as abandoned:
                if abandoned:
                    shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue  # just being made by another build


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
    except OSError:  # another file system: copy beside the target first
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
