"""Whether an interrupted build may be continued: the same input, rules and program, or not at all.

A build leaves in its work folder what it is made of (``build.json``). The next build with
``--resume`` takes over the folder of one that ended before its time where all of that is the same;
it says what differs where it is not. Without ``--resume`` such folders are removed, as are those of
a format that this version does not know.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from epc_release import __version__
from epc_release.anonymise.cellkeys import cell_keyring
from epc_release.errors import EXIT_QUALITY, EXIT_STORAGE, ReleaseError
from epc_release.release.config import Settings
from epc_release.release.disk import held
from epc_release.release.keep import write_private
from epc_release.release.log import LOGGER
from epc_release.release.prepare import Prepared
from epc_release.release.sticky import key_id

PREFIX = "epc-release-build-"
FILE, JOURNAL = "build.json", "journal"
KEPT = timedelta(days=7)  # of a resumable build that nobody continues
MENDABLE = (EXIT_QUALITY, EXIT_STORAGE)
LIBRARIES = ("numpy", "polars", "polars-hash", "pyarrow", "zlib-ng")


@dataclass(frozen=True)
class Build:
    """What a build is made of: ``facts`` by name, as text; ``line`` is its register and policy.

    ``resumable``: it was started with ``--resume``, and other builds leave its folder alone.
    """

    line: tuple[str, str]
    release: str
    cutoff: str
    resumable: bool
    facts: Mapping[str, str]

    @classmethod
    def of(cls, prepared: Prepared, previous: str | None, signer: str | None) -> Build:
        """``previous`` is the release that rows are compared with, ``signer`` the id of the key
        that signs."""
        return cls(
            line=(prepared.register.name, prepared.policy.name),
            release=prepared.release,
            cutoff=prepared.cutoff.isoformat(),
            resumable=prepared.settings.resume,
            facts={name: str(value) for name, value in _facts(prepared, previous).items()}
            | {"signing key": str(signer)},
        )

    @classmethod
    def read(cls, folder: Path) -> Build | None:
        """That of a work folder; None where there is none that can be read."""
        try:
            found = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(**{**found, "line": tuple(found["line"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, folder: Path) -> None:
        write_private(folder / FILE, vars(self))

    def differs(self, other: Build) -> list[str]:
        """The names of what is not the same."""
        mine = {**self.facts, "release": self.release, "cut-off": self.cutoff}
        theirs = {**other.facts, "release": other.release, "cut-off": other.cutoff}
        return [n for n in {**mine, **theirs} if mine.get(n) != theirs.get(n)]


def _facts(prepared: Prepared, previous: str | None) -> dict[str, Any]:
    """Everything that the bytes of a release, or the way of its tasks, depend on."""
    settings = prepared.settings
    suppressions = prepared.suppressions
    parts = sorted((p.name, repr(p.location), repr(p.csv)) for p in prepared.inventory.parts)
    return {
        "version": f"{__version__}, Python {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "input files": sha256(repr(parts).encode()).hexdigest(),
        "suppression list": suppressions and (suppressions.sha256, suppressions.as_of),
        "withdrawn records": suppressions
        and sha256("\n".join(suppressions.opted_out).encode()).hexdigest(),
        "sites": settings.sites and sha256(settings.sites.read_bytes()).hexdigest(),
        "dialects": sha256(repr(prepared.dialects).encode()).hexdigest(),
        "policy": prepared.policy.sha256,
        "key": key_id(prepared),
        "cell key": cell_keyring().key_id if prepared.policy.needs_cell_key else None,
        "previous release": previous,
        "changes": settings.changes,
        "out": settings.out.resolve(),
        "limit": settings.limit,
        "archives": settings.archives,
        "compression level": settings.compression_level,
        "memory and jobs": (prepared.chunk_bytes, prepared.buckets, settings.jobs),
    }


def as_begun(settings: Settings, base: Path) -> Settings:
    """With the cut-off of the interrupted build of ``base``, where none is given and there is one.

    Without it a cut-off of "now" would be another one each time.
    """
    if not settings.resume or settings.cutoff is not None:
        return settings
    found = [build for _, build in _left(base) if build and build.line[0] == settings.register]
    if settings.policy is not None:
        found = [b for b in found if b.line[1] in (settings.policy, Path(settings.policy).stem)]
    if len(found) != 1:
        return settings
    return replace(settings, cutoff=datetime.fromisoformat(found[0].cutoff))


def _left(base: Path) -> Iterator[tuple[Path, Build | None]]:
    """The locks of work folders of builds that are not running, and what these were."""
    for lock in sorted(base.glob(f"{PREFIX}*.lock")):
        with suppress(FileNotFoundError, PermissionError), held(lock) as abandoned:
            if abandoned:
                yield lock, Build.read(lock.with_suffix(""))


@contextmanager
def work_folder(base: Path, build: Build) -> Iterator[Path]:
    """A private folder in ``base`` for a build: a new one, or that of the build that it continues.

    At the end it is removed; a resumable build's stays where what ended it can be mended. What
    others left is removed as well, but for resumable builds of other lines. Raises E314 where the
    interrupted build was of something else.
    """
    with ExitStack() as stack:
        lock = _taken_over(base, build, stack) or _new(base, stack)
        folder = lock.with_suffix("")
        build.write(folder)
        try:
            yield folder
        except BaseException as error:
            if build.resumable and _mendable(error):
                LOGGER.warning("what was done is kept for --resume", extra={"folder": folder})
                raise
            _remove(lock)
            raise
        _remove(lock)


def _taken_over(base: Path, build: Build, stack: ExitStack) -> Path | None:
    """The lock, held by ``stack``, of the build's own folder of before; None where there is none.

    Folders that nobody will ask for are removed.
    """
    found: Path | None = None
    for lock in sorted(base.glob(f"{PREFIX}*.lock")):
        # gone: another process was faster; not permitted: another user's
        with suppress(FileNotFoundError, PermissionError), ExitStack() as mine:
            if not mine.enter_context(held(lock)):
                continue
            left = Build.read(lock.with_suffix(""))
            ours = left is not None and (left.line, left.release) == (build.line, build.release)
            if build.resumable and ours and left is not None and found is None:
                if differs := build.differs(left):
                    raise ReleaseError(
                        "E314", release=left.release, differs=", ".join(differs), folder=lock.parent
                    )
                stack.enter_context(mine.pop_all())
                found = lock
            elif left is None or not left.resumable or ours or _old(lock):
                _remove(lock)
    return found


def _new(base: Path, stack: ExitStack) -> Path:
    """The lock, held by ``stack``, of a new folder."""
    descriptor, name = tempfile.mkstemp(prefix=PREFIX, suffix=".lock", dir=base)
    os.close(descriptor)
    lock = Path(name)
    stack.enter_context(held(lock))  # before the folder is there, so that it always has its lock
    lock.with_suffix("").mkdir(mode=0o700)
    return lock


def _remove(lock: Path) -> None:
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    lock.unlink(missing_ok=True)


def _old(lock: Path) -> bool:
    """Whether nobody has asked for it in all the time that it is kept."""
    journal = lock.with_suffix("") / JOURNAL
    return journal.exists() and time.time() - journal.stat().st_mtime > KEPT.total_seconds()


def _mendable(error: BaseException) -> bool:
    """Whether the same build may come to its end later: a gate can be accepted, a disk emptied."""
    if isinstance(error, KeyboardInterrupt):
        return True
    known = error if isinstance(error, ReleaseError) else None
    return isinstance(error, OSError) or (known is not None and known.exit in MENDABLE)
