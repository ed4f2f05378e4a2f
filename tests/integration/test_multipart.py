"""Large objects: gone on with where a publisher stopped, or aborted; copied in their parts."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish import copying, headers, s3
from epc_release.release.publish.parallel import each
from epc_release.release.publish.s3 import S3Store
from tests.integration.faults import Faults, answer

if TYPE_CHECKING:
    from tests.integration.conftest import Place

MIB = 1 << 20
CONTENT = b"".join(hashlib.sha256(b"%d" % n).digest() * 1024 for n in range(11 * 32))  # 11 MiB


@dataclass
class Sender:
    """Sends one file as ``large.zip``, in parts of 5 MiB, and counts the parts that are sent."""

    place: Place
    source: Path
    parts: int = 0

    def store(self, hook: Any = None) -> S3Store:
        def count(number: int, request: Any) -> Any:
            found = hook(number, request) if hook else None
            self.parts += found is None
            return found

        store = self.place.store(Faults(self.place, count, "UploadPart").client)
        assert isinstance(store, S3Store)
        store.part_bytes = 5 * MIB
        store.prepare()
        return store

    def send(self, store: S3Store, data: bytes = CONTENT) -> str:
        self.source.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        served = headers.of_release("large.zip")
        store.put("large.zip", self.source, sha256=sha256, headers=served)
        return sha256

    def fail(self) -> None:
        """Send two of the three parts; the last one is refused as by a key that has ended."""

        def refuse(number: int, request: Any) -> Any:
            last = "partNumber=3" in request.url
            return answer(request, 403, "AccessDenied") if last else None

        with pytest.raises(ReleaseError) as caught:
            self.send(self.store(refuse))
        assert caught.value.problem.code == "E503"
        assert self.parts == 2
        self.parts = 0


@pytest.fixture
def sender(s3_place: Place, tmp_path: Path) -> Sender:
    return Sender(s3_place, tmp_path / "large.zip")


def pending(store: S3Store) -> list[Any]:
    found = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix)
    return list(found.get("Uploads", ()))


def test_an_upload_is_gone_on_with(sender: Sender) -> None:
    sender.fail()
    store = sender.store()
    assert len(pending(store)) == 1
    sha256 = sender.send(store)
    assert sender.parts == 1
    assert store.digest("large.zip") == sha256
    assert not pending(store)


def test_an_upload_of_other_bytes_is_aborted(sender: Sender) -> None:
    sender.fail()
    store = sender.store()
    sha256 = sender.send(store, CONTENT[::-1])
    assert sender.parts == 3
    assert store.digest("large.zip") == sha256
    assert not pending(store)


def test_an_upload_of_a_file_that_begins_alike(sender: Sender) -> None:
    """Its parts are ours, but not what was recorded when it was begun."""
    sender.fail()
    store = sender.store()
    other = CONTENT[: 10 * MIB] + b"another end"
    sha256 = sender.send(store, other)
    info = store.head("large.zip")
    assert info is not None
    assert (info.bytes, info.sha256) == (len(other), sha256)
    assert not pending(store)


def test_a_source_that_changes_on_the_way_leaves_nothing(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_IN_MEMORY", 2)  # one part after the other

    def change(number: int, request: Any) -> Any:
        if number == 0:
            sender.source.write_bytes(b"0" * len(CONTENT))

    store = sender.store(change)
    with pytest.raises(ReleaseError) as caught:
        sender.send(store)
    assert caught.value.problem.code == "E614"
    assert not pending(store)


def test_a_large_object_is_copied_in_its_parts(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sender.store()
    sha256 = sender.send(store)
    monkeypatch.setattr(copying, "ONE_REQUEST", MIB)
    store.copy("large.zip", "copy.zip")
    assert store.digest("copy.zip") == sha256
    one, two = (store.client.head_object(**store.target(n)) for n in ("large.zip", "copy.zip"))
    for name in ("Metadata", "ContentType", "CacheControl", "ContentLength"):
        assert one[name] == two[name]
    assert not pending(store)


def test_memory_is_bounded_whatever_is_sent(s3_place: Place, tmp_path: Path) -> None:
    """Sixteen files of 11 MiB at once: at most eight parts of 5 MiB are held."""
    store = s3_place.store()
    assert isinstance(store, S3Store)
    store.part_bytes = 5 * MIB
    store.prepare()
    source, sha256 = tmp_path / "large.zip", hashlib.sha256(CONTENT).hexdigest()
    source.write_bytes(CONTENT)
    served = headers.of_release("large.zip")

    def send(number: int) -> None:
        store.put(f"{number}.zip", source, sha256=sha256, headers=served)

    tracemalloc.start()
    try:
        each(send, range(16), 8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 9 * 5 * MIB + 8 * MIB
    assert len(store.list()) == 16
