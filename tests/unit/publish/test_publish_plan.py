"""The pure parts of publishing: what would be sent, what pointers say, how it is served."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.errors import ReleaseError, catalogue
from epc_release.release.publish import headers, pointers
from epc_release.release.publish.candidate import Candidate, ReleaseFile
from epc_release.release.publish.plan import plan_publish
from epc_release.release.publish.pointers import Index
from epc_release.release.publish.ranges import ranged
from epc_release.release.publish.stores import Headers, ObjectInfo, place


def file(path: str, size: int = 1, sha256: str = "a") -> ReleaseFile:
    return ReleaseFile(path, size, sha256, Path(path))


def stored(path: str, size: int = 1, sha256: str | None = "a") -> ObjectInfo:
    return ObjectInfo(path, size, sha256)


def candidate(release: str, cutoff: str, sha256: str = "f" * 64) -> Candidate:
    return Candidate(
        folder=Path(release),
        release=release,
        register="epc",
        policy="address-level",
        policy_sha256="e" * 64,
        cutoff=datetime.fromisoformat(cutoff).replace(tzinfo=UTC),
        rows={"domestic-certificates": 3},
        corrects=None,
        partial=False,
        synthetic=False,
        sha256sums=sha256,
        files=(file("a", 5),),
    )


def test_new_same_and_conflicting() -> None:
    files = [file("new", 7), file("same"), file("size"), file("hash"), file("unknown")]
    existing = [
        stored("same"),
        stored("size", 2),
        stored("hash", 1, "b"),
        stored("unknown", 1, None),
        stored("foreign"),
    ]
    plan = plan_publish(files, {info.path: info for info in existing})
    assert [found.path for found in plan.new] == ["new"]
    assert [found.path for found in plan.same] == ["same"]
    assert plan.conflicting == ("foreign", "hash", "size", "unknown")
    assert plan.foreign == ("foreign",)
    assert plan.bytes == 7


names = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.integers(0, 2), max_size=8)


@given(names, names)
def test_every_path_has_one_fate(ours: dict[str, int], theirs: dict[str, int]) -> None:
    files = [file(path, size) for path, size in ours.items()]
    plan = plan_publish(files, {path: stored(path, size) for path, size in theirs.items()})
    fates = [*(f.path for f in plan.new), *(f.path for f in plan.same), *plan.conflicting]
    assert sorted(fates) == sorted({*ours, *theirs})
    assert plan.bytes == sum(found.bytes for found in plan.new)


def test_the_newest_is_current_and_the_rest_superseded() -> None:
    index = Index("epc", "address-level")
    assert pointers.latest_json(index) is None
    for release, cutoff in (("b", "2026-02-01"), ("a", "2026-01-01"), ("b.2", "2026-02-01")):
        index = pointers.add(index, candidate(release, cutoff))
    assert [(entry["id"], entry["status"]) for entry in index.entries] == [
        ("b.2", "current"),
        ("b", "superseded"),
        ("a", "superseded"),
    ]
    data = pointers.releases_json(index)
    again = pointers.parse(data, "v1", "s3://b")
    assert (again.entries, again.version) == (tuple(dict(e) for e in index.entries), "v1")
    assert pointers.releases_json(again) == data
    latest = json.loads(pointers.latest_json(index) or b"")
    line = {"register": "epc", "policy": "address-level", "version": 0, "expires": None}
    assert latest == {**line, **(index.current or {})}


def test_entries_of_other_states_are_kept() -> None:
    index = pointers.add(Index("epc", "p"), candidate("a", "2026-01-01"))
    withdrawn = {**index.entries[0], "status": "withdrawn", "notices": ["n"]}
    index = pointers.add(Index("epc", "p", (withdrawn,)), candidate("b", "2026-02-01"))
    assert index.entry("a") == withdrawn
    assert index.entry("c") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"register": "epc", "policy": "p", "releases": [{}]}',
        b'{"register": "epc", "policy": "p", "releases": [{"cutoff": "2026-01-01"}]}',
        b'{"register": "epc", "policy": "p", "releases": 1}',
        b"\xff",
    ],
)
def test_damaged_indexes(data: bytes) -> None:
    with pytest.raises(ReleaseError) as caught:
        pointers.parse(data, "v", "s3://b")
    assert caught.value.problem.code == "E619"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("datapackage.json", "application/json"),
        ("parquet/t/la=E1/part-0.parquet", "application/vnd.apache.parquet"),
        ("csv/domestic-all.zip", "application/zip"),
        ("dictionary.csv", "text/csv; charset=utf-8"),
        ("SHA256SUMS", "text/plain; charset=utf-8"),
        ("unknown.thing", "application/octet-stream"),
    ],
)
def test_media_types(path: str, media_type: str) -> None:
    assert headers.of_release(path) == Headers(media_type, headers.IMMUTABLE)
    assert "immutable" not in headers.of_pointer(path).cache


@given(st.binary(max_size=3000), st.randoms(use_true_random=False))
def test_a_ranged_file_is_like_a_file(data: bytes, chance: random.Random) -> None:
    asked: list[tuple[int, int]] = []

    def fetch(start: int, length: int) -> bytes:
        asked.append((start, length))
        assert 0 < length <= len(data) - start
        return data[start : start + length]

    remote, local = ranged(len(data), fetch), io.BytesIO(data)
    for _ in range(20):
        if chance.random() < 0.5:
            offset, whence = chance.randint(0, 3500), 0
            assert remote.seek(offset, whence) == local.seek(offset, whence)
        size = chance.randint(-1, 2000)
        assert remote.read(size) == local.read(size)
        assert remote.tell() == local.tell()


def test_reading_in_order_asks_for_more_at_a_time() -> None:
    asked: list[int] = []

    def fetch(_: int, length: int) -> bytes:
        asked.append(length)
        return bytes(length)

    with ranged(100 << 20, fetch) as remote:
        while remote.read(1 << 20):
            pass
    assert max(asked) == 8 << 20
    assert len(asked) < 20


def test_places() -> None:
    assert place("s3://bucket/a/b/") == ("s3", "bucket", "a/b")
    assert place("file:///srv/open") == ("folder", "", "/srv/open")
    assert place("C/relative path") == ("folder", "", "C/relative path")


def test_exit_codes_of_publishing() -> None:
    exits = {code: problem.exit for code, problem in catalogue().items()}
    assert {exits[code] for code in exits if code.startswith("E50")} == {5}
    assert {code for code in exits if code.startswith("E61") and exits[code] == 6} == {
        "E610",
        "E611",
        "E612",
        "E615",
        "E618",
    }
