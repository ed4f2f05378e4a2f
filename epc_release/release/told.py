"""What a release says of itself, read by somebody who does not trust it.

The descriptor is believed as far as ``SHA256SUMS`` bears it out, and sizes are asked for before
anything is read: whoever serves a release decides neither how much is read nor where it goes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.described import Described, DescribedTable, read_descriptor
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, partition_value
from epc_release.manifests.reader import Reader
from epc_release.release.publish.candidate import parse_sums
from epc_release.release.publish.reader import open_reader

MOST_BYTES = 256 << 20  # of one description
Parts = Mapping[str | None, FileFacts]


@dataclass(frozen=True)
class Told:
    """A release at ``place``: its id, cut-off, register, policy and tables as its descriptor says.

    ``raw`` are the bytes of the descriptor and of ``SHA256SUMS``, ``sums`` what the latter says.
    """

    place: str
    release: str
    created: str
    register: str
    policy: str
    partial: bool
    described: Described
    raw: Mapping[str, bytes]
    sums: Mapping[str, str]

    @property
    def tables(self) -> dict[str, DescribedTable]:
        return {table.name: table for table in self.described.tables}


def read_told(reader: Reader, place: str | Path) -> Told:
    """Read descriptor and checksums. Raises E507, E616, E619, E748 and E753."""
    sums_bytes = read_small(reader, CHECKSUMS)
    sums = parse_sums(sums_bytes, str(place))
    data = read_small(reader, DESCRIPTOR)
    if sums.get(DESCRIPTOR) != hashlib.sha256(data).hexdigest():
        raise ReleaseError("E753", place=place, path=DESCRIPTOR)
    try:
        described, told = read_descriptor(data), json.loads(data)
        found = Told(
            place=str(place),
            release=described.release,
            created=str(told["created"]),
            register=str(told["epcRelease"]["register"]),
            policy=str(told["epcRelease"]["policy"]["name"]),
            partial=bool(told["epcRelease"]["partial"]),
            described=described,
            raw={CHECKSUMS: sums_bytes, DESCRIPTOR: data},
            sums=sums,
        )
    except (ValueError, KeyError, TypeError) as why:
        raise ReleaseError("E619", uri=place, path=DESCRIPTOR, why=why) from why
    for path, file in described.files.items():
        if sums.get(path) != file.sha256:
            raise ReleaseError("E753", place=place, path=path)
    return found


def open_told(place: str | Path) -> tuple[Reader, Told]:
    """The release at a folder or URI."""
    reader = open_reader(place)
    return reader, read_told(reader, place)


def read_small(reader: Reader, path: str) -> bytes:
    """A description's bytes. Raises E507 where it is missing, E748 where it is too large."""
    size = reader.size(path)
    if size > MOST_BYTES:
        raise ReleaseError("E748", path=path, found=size, expected=f"at most {MOST_BYTES}")
    with reader.open(path) as file:
        return file.read(size)


def parts_of(table: DescribedTable | None) -> dict[str | None, FileFacts]:
    """The parts of a table by partition; none of a table that is not there."""
    return {partition_value(part.path): part for part in table.files} if table else {}


def described_as(told: Mapping[str, Any]) -> Described:
    """What a descriptor that was just made says, as anybody would read it."""
    return read_descriptor(json.dumps(told).encode())
