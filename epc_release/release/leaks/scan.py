"""The leak test: every object of a finished release against the private sets of its build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from epc_release.anonymise.leaks.finding import VALUE, Leak
from epc_release.errors import ReleaseError
from epc_release.manifests.checksums import parse_checksums
from epc_release.manifests.described import Described, read_descriptor
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, SIGNATURE
from epc_release.release.execute import Executor
from epc_release.release.leaks.private import MOST_EXACT, load_private
from epc_release.release.leaks.walk import Object, Walk, names_leak, shown_path, skim
from epc_release.release.progress import Progress

_FAST_EXACT = 300  # values of each kind that are searched for in bytes in every build
_FAST_PARTS = 2  # parts of each table, and archives, that every build reads to the last byte
_BATCH = 64  # objects that are skimmed by one task


@dataclass(frozen=True)
class ScanTask:
    """Objects of the release in ``root``. Skimmed: their structure and keys alone are looked at.

    ``most``: how many values of each kind are searched for in bytes.
    """

    root: Path
    paths: tuple[str, ...]
    private: Path
    canaries: Path | None = None
    skim: bool = False
    most: int = MOST_EXACT


@dataclass(frozen=True)
class LeaksReport:
    """What was found in a release: objects and bytes that were looked at, values looked for."""

    release: str
    objects: int
    bytes: int
    needles: int
    digests: int
    leaks: tuple[Leak, ...]

    def check(self) -> None:
        """Raise E420 (a value) or E421 (bytes that nobody sees), exit 4, where something leaks."""
        for code, found in (("E420", self._of(VALUE)), ("E421", self.leaks)):
            if found:
                raise ReleaseError(code, release=self.release, count=len(found), first=found[0])

    def _of(self, kind: str) -> tuple[Leak, ...]:
        return tuple(leak for leak in self.leaks if leak.kind == kind)

    def as_dict(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "objects": self.objects,
            "bytes": self.bytes,
            "searched": {"values": self.needles, "digests": self.digests},
            "leaks": [vars(leak) for leak in self.leaks],
        }

    def __str__(self) -> str:
        extent = f"{self.objects:,} objects, {self.bytes:,} bytes"
        sought = f"{self.needles:,} values in every form and {self.digests:,} as whole cells"
        end = f"{len(self.leaks)} findings" if self.leaks else "Nothing that was withheld is there."
        return "\n".join([f"{self.release}: {extent}; {sought}", *map(str, self.leaks), end])


def scan(
    root: Path, private: Path, canaries: Path | None, executor: Executor, progress: Progress
) -> LeaksReport:
    """The whole test of the release in the folder ``root``; ``private`` are its build's sets.

    Raises E422 to E424 and E160 to E163 where it cannot be done.
    """
    tasks = [ScanTask(root, (path,), private, canaries) for path in objects(root)]
    return _run(tasks, executor, progress)


def scan_fast(root: Path, private: Path, executor: Executor, progress: Progress) -> LeaksReport:
    """What every build tests before its release is installed.

    The names of all objects, the structure of every archive, the keys of all published records that
    are no one's children, every document in full, and some parts and archives of each table to the
    last byte: a fault of the program is in all of them. ``scan`` reads the rest.
    """
    paths = objects(root)
    chosen = set(_sample(paths))
    if names_leak(paths, load_private(private, None, _FAST_EXACT)):
        chosen = set(paths)
    chosen |= set(paths) - _descriptions(root)[1]
    rest = [path for path in paths if path not in chosen]
    tasks = [
        *(ScanTask(root, (path,), private, most=_FAST_EXACT) for path in sorted(chosen)),
        *(
            ScanTask(root, tuple(rest[i : i + _BATCH]), private, skim=True, most=_FAST_EXACT)
            for i in range(0, len(rest), _BATCH)
        ),
    ]
    return _run(tasks, executor, progress)


def look(task: ScanTask) -> tuple[Leak, ...]:
    """Run one task."""
    private = load_private(task.private, task.canaries, task.most)
    described, listed = _descriptions(task.root)
    walks = []
    for path in task.paths:
        known = path in listed or path in (CHECKSUMS, SIGNATURE)
        shown = shown_path(path, described, known)
        walks.append(Walk(Object(task.root, path, shown, described, known), private))
    if task.skim:
        return tuple(skim(walks, private))
    return tuple(sorted({leak for walk in walks for leak in walk.leaks()}))


def _run(tasks: Sequence[ScanTask], executor: Executor, progress: Progress) -> LeaksReport:
    root = tasks[0].root
    private = load_private(tasks[0].private, tasks[0].canaries, tasks[0].most)
    paths = [path for task in tasks for path in task.paths]
    leaks: list[Leak] = []
    with progress.stage("test for leaks", len(paths), "objects") as tell:
        for task, found in executor.run(look, tasks):
            leaks += found
            tell(len(task.paths))
    return LeaksReport(
        release=_descriptions(root)[0].release,
        objects=len(paths),
        bytes=sum((root / path).lstat().st_size for path in paths),
        needles=len(private.needles),
        digests=len(private.digests),
        leaks=tuple(sorted(leaks)),
    )


def objects(root: Path) -> list[str]:
    """Paths of all that is in a release: files, links, and folders without anything in them."""
    found = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    empty = (path for path in root.rglob("*") if path.is_dir() and not any(path.iterdir()))
    return sorted(path.relative_to(root).as_posix() for path in (*found, *empty))


def _sample(paths: Sequence[str]) -> Iterator[str]:
    """Documents, and of each kind of part and archive the first ones and one from the middle."""
    kinds: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split("/")
        if parts[0] in ("parquet", "csv") and len(parts) > 1:
            family = parts[1] if parts[0] == "parquet" else parts[1].split("-")[0]
            kinds.setdefault(f"{parts[0]}/{family}", []).append(path)
        else:
            yield path
    for found in kinds.values():
        yield from found[: _FAST_PARTS - 1]
        yield found[len(found) // 2]


@lru_cache(maxsize=1)
def _descriptions(root: Path) -> tuple[Described, frozenset[str]]:
    """What the release says of itself; a description that cannot be read names nothing."""
    try:
        described = read_descriptor((root / DESCRIPTOR).read_bytes())
        listed = frozenset(parse_checksums((root / CHECKSUMS).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return Described("release", (), ()), frozenset()
    return described, listed
