"""The newest version of places that a reader has seen: what makes a rollback visible."""

from __future__ import annotations

import json
from pathlib import Path

from epc_release.errors import ReleaseError


def recall(file: Path, place: str) -> int | None:
    """The version of a place that was seen, None where it never was. Raises E619."""
    return _read(file).get(place)


def remember(file: Path, place: str, version: int) -> None:
    """Keep a version, unless a newer one was seen; the file is replaced whole."""
    known = _read(file)
    if version <= known.get(place, -1):
        return
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({**known, place: version}, indent=2) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as why:
        raise ReleaseError("E506", path=file, reason=why.strerror or why) from why


def _read(file: Path) -> dict[str, int]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {str(place): int(version) for place, version in found.items()}
    except (ValueError, TypeError, AttributeError) as why:
        raise ReleaseError("E619", uri=file.parent, path=file.name, why=repr(why)) from why
