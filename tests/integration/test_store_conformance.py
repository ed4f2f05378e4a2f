"""One suite for every store: what ``Store`` promises, tried on a folder, moto and a real server."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish import headers
from epc_release.release.publish.reader import StoreReader, open_reader
from epc_release.release.publish.stores import ObjectInfo, Store
from epc_release.release.publish.target import open_store

if TYPE_CHECKING:
    from tests.integration.conftest import Place

MIB = 1 << 20


@pytest.fixture
def store(place: Place) -> Store:
    made = place.store()
    made.prepare()
    return made


@pytest.fixture
def put(store: Store, tmp_path: Path) -> Any:
    def put(path: str, data: bytes, *, via: Store = store, **options: Any) -> str:
        source = tmp_path / f"source-{threading.get_ident()}"
        source.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        via.put(path, source, sha256=sha256, headers=headers.of_release(path), **options)
        return sha256

    return put


def code(caught: pytest.ExceptionInfo[ReleaseError]) -> str:
    return caught.value.problem.code


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff" * 500], ids=["empty", "one", "small"])
def test_what_is_put_is_read(store: Store, put: Any, data: bytes) -> None:
    sha256 = put("r1/a/b.parquet", data)
    info = store.head("r1/a/b.parquet")
    assert info is not None
    assert info.bytes == len(data)
    assert info.sha256 in (None, sha256)
    assert store.digest("r1/a/b.parquet") == sha256
    with store.open("r1/a/b.parquet") as file:
        assert file.read() == data
    read = store.read("r1/a/b.parquet")
    assert read is not None
    assert read[0] == data


def test_large_objects_go_in_parts(store: Store, put: Any) -> None:
    data = hashlib.shake_256(b"large").digest(MIB) * 11
    if hasattr(store, "part_bytes"):
        store.part_bytes = 5 * MIB
    sent: list[int] = []
    sha256 = put("r1/large.zip", data, sent=sent.append)
    assert sum(sent) == len(data)
    assert store.digest("r1/large.zip") == sha256
    with store.open("r1/large.zip") as file:
        assert hashlib.sha256(file.read()).hexdigest() == sha256
    put("r1/large.zip", data)
    with pytest.raises(ReleaseError) as caught:
        put("r1/large.zip", data[::-1])
    assert code(caught) == "E610"
    assert store.digest("r1/large.zip") == sha256


def test_names_with_marks_of_hive_spaces_and_accents(store: Store, put: Any) -> None:
    names = ["r1/x=E06%2F1/part 0.parquet", "r1/x=__HIVE_DEFAULT_PARTITION__/p+&?#.csv", "r1/ŵ.txt"]
    for name in names:
        put(name, name.encode())
    assert [info.path for info in store.list("r1/")] == sorted(names)
    for name in names:
        with store.open(name) as file:
            assert file.read() == name.encode()


def test_list_is_of_the_prefix_only_and_complete(store: Store, put: Any) -> None:
    for number in range(12):
        put(f"r1/{number:02}.txt", b"1" * number)
    put("r10/other.txt", b"")
    put("top.txt", b"")
    assert store.list("r1/") == [ObjectInfo(f"r1/{n:02}.txt", n) for n in range(12)]
    assert len(store.list()) == 14
    assert store.list("none/") == []


def test_what_is_there_is_never_overwritten(store: Store, put: Any) -> None:
    sha256 = put("r1/a.txt", b"first")
    assert put("r1/a.txt", b"first") == sha256
    with pytest.raises(ReleaseError) as caught:
        put("r1/a.txt", b"second")
    assert code(caught) == "E610"
    assert caught.value.exit == 6
    assert store.digest("r1/a.txt") == sha256


def test_a_source_that_changed_is_not_stored(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "changed.txt"
    source.write_bytes(b"now")
    with pytest.raises(ReleaseError) as caught:
        store.put("r1/a.txt", source, sha256="0" * 64, headers=headers.of_release("a.txt"))
    assert code(caught) == "E614"
    assert store.list() == []


def test_delete_and_what_is_missing(store: Store, put: Any) -> None:
    put("r1/a.txt", b"a")
    store.delete("r1/a.txt")
    store.delete("r1/a.txt")
    assert store.head("r1/a.txt") is None
    assert store.read("r1/a.txt") is None
    assert store.list("r1/") == []
    for use in (store.open, store.digest):
        with pytest.raises(ReleaseError) as caught:
            use("r1/a.txt")
        assert code(caught) == "E507"


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "a//b", "a\\b", "a\nb", "", "."])
def test_unsafe_paths_are_refused(store: Store, path: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        store.open(path)
    assert code(caught) == "E616"


def test_pointers_are_compared_and_swapped(store: Store) -> None:
    served = headers.of_pointer("latest.json")
    store.replace("latest.json", b"1", headers=served, expected=None)
    one = store.read("latest.json")
    assert one is not None
    store.replace("latest.json", b"2", headers=served, expected=one[1])
    for version in (None, one[1]):
        with pytest.raises(ReleaseError) as caught:
            store.replace("latest.json", b"3", headers=served, expected=version)
        assert code(caught) == "E615"
    two = store.read("latest.json")
    assert two is not None
    assert two[0] == b"2"


def test_ranges_of_a_large_object(store: Store, put: Any) -> None:
    data = bytes(range(256)) * 16384
    put("r1/a.bin", data)
    with store.open("r1/a.bin") as file:
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        for start, length in ((0, 1), (300_000, 700_000), (1_000_001, 3), (99, 0)):
            file.seek(start)
            assert file.read(length) == data[start : start + length]
        file.seek(10 * len(data))
        assert file.read() == b""


def test_parquet_is_read_in_place(store: Store, put: Any) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"uprn": [str(n) for n in range(5000)]}), sink, row_group_size=1000)
    put("r1/parquet/part-0.parquet", sink.getvalue())
    reader = StoreReader(store)
    assert reader.list() == ["r1/parquet/part-0.parquet"]
    assert reader.size("r1/parquet/part-0.parquet") == len(sink.getvalue())
    with reader.open("r1/parquet/part-0.parquet") as file:
        parquet = pq.ParquetFile(file)
        assert parquet.metadata.num_rows == 5000
        assert parquet.read_row_group(3).column(0)[0].as_py() == "3000"


def test_one_publisher_at_a_time(place: Place, store: Store) -> None:
    other = place.store()
    other.prepare()
    with store.exclusive() as hold:
        hold.check()
        with pytest.raises(ReleaseError) as caught, other.exclusive():
            pass
        assert code(caught) == "E611"
        hold.check()
    with other.exclusive():
        pass
    assert store.list() == []


def test_racing_publishers_have_one_winner(place: Place, store: Store) -> None:
    start, held, lost = threading.Barrier(6), [], []
    stores = [place.store() for _ in range(6)]

    def race(mine: Store) -> None:
        mine.prepare()
        start.wait()
        try:
            with mine.exclusive():
                held.append(time.monotonic())
                time.sleep(1)
        except ReleaseError as error:
            lost.append(error.problem.code)

    threads = [threading.Thread(target=race, args=(mine,)) for mine in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1
    assert lost == ["E611"] * 5


def stage(store: Store, put: Any, release: str, files: dict[str, bytes]) -> None:
    """Stage a release of these files and their SHA256SUMS."""
    staging = store.staging(release)
    sums = {path: put(f"{staging}{path}", data) for path, data in files.items()}
    lines = "".join(f"{sha256}  {path}\n" for path, sha256 in sums.items())
    put(f"{staging}SHA256SUMS", lines.encode())


def test_what_is_staged_is_promoted_whole(store: Store, put: Any) -> None:
    stage(store, put, "r1", {"a/b.txt": b"b", "c.txt": b"c"})
    assert store.list("r1/") == []
    assert all(info.path.startswith(".staging-r1/") for info in store.list())
    store.promote("r1")
    paths = [info.path for info in store.list()]
    assert paths == ["r1/SHA256SUMS", "r1/a/b.txt", "r1/c.txt"]
    assert store.digest("r1/c.txt") == hashlib.sha256(b"c").hexdigest()
    assert store.staging("r1") == "r1/"
    store.promote("r1")
    assert [info.path for info in store.list()] == paths


def test_a_release_is_read_back_by_uri(place: Place, put: Any) -> None:
    put("r1/SHA256SUMS", b"sums")
    put("r2/other", b"")
    reader = open_reader(f"{place.uri}/r1")
    assert reader.list() == ["SHA256SUMS"]
    with reader.open("SHA256SUMS") as file:
        assert file.read() == b"sums"
    with pytest.raises(ReleaseError) as caught:
        reader.size("absent")
    assert code(caught) == "E507"


@pytest.mark.parametrize(
    "uri",
    ["s3://key:secret@bucket/epc", "ftp://host/epc", "s3://", "s3:///epc", "https://host/a?b=c"],
)
def test_places_that_cannot_be_used(uri: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        open_store(uri)
    assert (code(caught), caught.value.exit) == ("E617", 2)
    assert "secret" not in str(caught.value)
