"""From staging to public in a bucket: whatever stops it, readers see no half, and it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish import headers
from epc_release.release.publish.s3 import S3Store

if TYPE_CHECKING:
    from tests.integration.conftest import Place

Put = Callable[[str, bytes], str]
FILES = {"datapackage.json": b"{}", "a.csv": b"a", "b/c.csv": b"c", "d.csv": b"d"}


@pytest.fixture
def store(s3_place: Place) -> S3Store:
    made = s3_place.store()
    assert isinstance(made, S3Store)
    made.prepare()
    return made


@pytest.fixture
def put(store: S3Store, tmp_path: Path) -> Put:
    def put(path: str, data: bytes) -> str:
        source = tmp_path / "source"
        source.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        store.put(path, source, sha256=sha256, headers=headers.of_release(path))
        return sha256

    return put


@pytest.fixture(autouse=True)
def staged(store: S3Store, put: Put) -> None:
    sums = "".join(f"{put(f'.staging-r1/{path}', data)}  {path}\n" for path, data in FILES.items())
    put(".staging-r1/SHA256SUMS", sums.encode())


def public(store: S3Store) -> set[str]:
    return {info.path.removeprefix("r1/") for info in store.list("r1/")}


def code(store: S3Store) -> str:
    with pytest.raises(ReleaseError) as caught:
        store.promote("r1")
    return caught.value.problem.code


@pytest.mark.parametrize("copies", range(5))
def test_killed_at_any_copy(store: S3Store, copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SHA256SUMS is the last to come, so the release counts as staged until it is whole."""
    copied: list[str] = []
    copy = S3Store.copy

    def die(self: S3Store, source: str, target: str) -> None:
        if len(copied) == copies:
            raise KeyboardInterrupt
        copied.append(target)
        copy(self, source, target)

    with monkeypatch.context() as patched:
        patched.setattr(S3Store, "copy", die)
        patched.setattr("epc_release.release.publish.promotion._WORKERS", 1)
        with pytest.raises(KeyboardInterrupt):
            store.promote("r1")
    assert "SHA256SUMS" not in public(store)
    assert store.staging("r1") == ".staging-r1/"
    store.promote("r1")
    assert public(store) == {*FILES, "SHA256SUMS"}
    assert {info.path.partition("/")[0] for info in store.list()} == {"r1"}
    for path, data in FILES.items():
        assert store.digest(f"r1/{path}") == hashlib.sha256(data).hexdigest()


def test_headers_and_records_are_kept(store: S3Store) -> None:
    store.promote("r1")
    facts = store.client.head_object(**store.target("r1/a.csv"))
    assert facts["ContentType"] == "text/csv; charset=utf-8"
    assert "immutable" in facts["CacheControl"]
    assert facts["Metadata"]["sha256"] == hashlib.sha256(b"a").hexdigest()


@pytest.mark.parametrize("path", ["foreign.csv", "a.csv"])
def test_what_stands_there_is_not_replaced(store: S3Store, put: Put, path: str) -> None:
    put(f"r1/{path}", b"other")
    assert code(store) == "E610"
    assert store.read(f"r1/{path}") is not None
    assert "SHA256SUMS" not in public(store)


def test_a_copy_that_is_not_the_same_is_removed(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garble(self: S3Store, source: str, target: str) -> None:
        self.client.put_object(**self.target(target), Body=b"other")

    monkeypatch.setattr(S3Store, "copy", garble)
    assert code(store) == "E505"
    assert "SHA256SUMS" not in public(store)
    assert public(store) == set()


def test_what_a_public_release_left_staged_is_removed(store: S3Store, put: Put) -> None:
    """Killed after the last copy; what is staged of another release, not yet public, stays."""
    store.promote("r1")
    put(".staging-r1/a.csv", b"a")
    put(".staging-r2/a.csv", b"a")
    store.promote("r1")
    staged = [info.path for info in store.list() if info.path.startswith(".")]
    assert staged == [".staging-r2/a.csv"]


def test_trials_that_were_killed_are_removed_in_time(
    store: S3Store, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of a publisher that tries the store at this moment."""
    trials = [".analyse-0/many/1", ".probe-0"]
    for path in (*trials, ".approvals/r1/x.minisig"):
        put(path, b"probe")
    store.promote("r1")
    kept = [info.path for info in store.list(".")]
    assert kept == [".analyse-0/many/1", ".approvals/r1/x.minisig", ".probe-0"]
    monkeypatch.setattr("epc_release.release.publish.promotion._ABANDONED", -60)
    store.promote("r1")
    assert [info.path for info in store.list(".")] == [".approvals/r1/x.minisig"]
