"""The previous release, as far as gates need it: rows by table, partition and year."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import DESCRIPTOR
from epc_release.release.gates.previous import Baseline, TableRows

LATEST_NAME, NONE_NAME = "latest", "none"
_MOST_BYTES = 256 << 20


def read_baseline(
    previous: str | None, to: str | None, register: str, policy: str
) -> Baseline | None:
    """The release to compare with, or None where there is none.

    ``previous`` is a release (folder or URI), ``latest`` (of the place ``to``, as where nothing is
    said) or ``none``. A partial release is nothing to compare with. Raises E311 where the release
    that is named cannot be used, and what its store raises.
    """
    if previous == NONE_NAME or (previous is None and to is None):
        return None
    place = _latest(to) if previous in (None, LATEST_NAME) else previous
    if place is None:
        return None
    told = _descriptor(place)
    try:
        line = (told["epcRelease"]["register"], told["epcRelease"]["policy"]["name"])
        if line != (register, policy):
            problem = f"it is of register {line[0]} under policy {line[1]}"
            raise ReleaseError("E311", release=place, problem=problem)
        return None if told["epcRelease"]["partial"] else _baseline(told)
    except (KeyError, TypeError, AttributeError) as error:
        problem = "its descriptor is not that of a release"
        raise ReleaseError("E311", release=place, problem=problem) from error


def _latest(to: str | None) -> str | None:
    """The current release of a place, None where it has none."""
    from epc_release.release.publish.pointers import RELEASES, parse
    from epc_release.release.publish.target import open_store

    if to is None:
        problem = "there is no --to to take the latest release from"
        raise ReleaseError("E311", release=LATEST_NAME, problem=problem)
    found = open_store(to).read(RELEASES)
    if found is None:
        return None
    current = parse(*found, to).current
    return None if current is None else f"{to.rstrip('/')}/{current['id']}"


def _descriptor(place: str) -> Mapping[str, Any]:
    from epc_release.release.publish.reader import open_reader

    with open_reader(place).open(DESCRIPTOR) as file:
        data = file.read(_MOST_BYTES)
    try:
        told = json.loads(data)
    except ValueError as error:
        raise ReleaseError("E311", release=place, problem="its descriptor is no JSON") from error
    if not isinstance(told, dict):
        raise ReleaseError("E311", release=place, problem="its descriptor is no object")
    return told


def _baseline(told: Mapping[str, Any]) -> Baseline:
    described = {r["name"]: r for r in told["resources"] if r.get("type") == "table"}
    rows: Mapping[str, int] = told["epcRelease"]["rows"]
    return Baseline(
        str(told["version"]),
        {
            name: _table(described[name]) if name in described else TableRows(count)
            for name, count in rows.items()
        },
    )


def _table(told: Mapping[str, Any]) -> TableRows:
    own = told["epcRelease"]
    partitions: dict[str | None, int] = {}
    for file in told["files"]:
        for value in file["partition"].values():
            partitions[value] = partitions.get(value, 0) + int(file["rows"])
    years = {str(year): int(rows) for year, rows in own.get("years", {}).items()}
    return TableRows(int(own["rows"]), own["partition"], partitions, years)
