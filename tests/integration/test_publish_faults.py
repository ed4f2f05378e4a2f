"""Faults below the real retry code, at stores of every kind; all of them are in the fault matrix.

They are put in by botocore's ``before-send`` event: the request is signed and would be sent.
"""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from epc_release.errors import ReleaseError
from epc_release.release.publish import lease, s3
from epc_release.release.publish.lease import Lease
from epc_release.release.publish.probe import Capabilities
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.s3 import S3Store
from tests.integration.faults import Faults, answer, right
from tests.integration.seen import current

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place


def test_a_lost_answer_to_every_put(
    s3_place: Place, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each put is done and its answer lost, so the retry meets its own object (412)."""
    lost = set()

    def lose(number: int, request: Any) -> Any:
        if request.url not in lost:
            lost.add(request.url)
            faults.really(request)
            raise ConnectionClosedError(endpoint_url=request.url)

    faults = Faults(s3_place, lose, "PutObject")
    report = faults.publish(s3_place, make_release(), monkeypatch)
    assert report.outcome == "published"
    assert len(lost) > 8
    assert current(s3_place) == "2026-03-31"


def test_a_store_that_keeps_other_bytes(
    s3_place: Place, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garble(number: int, request: Any) -> None:
        if request.url.endswith("ledger.json"):
            request.body = b"[]\n"

    with pytest.raises(ReleaseError) as caught:
        Faults(s3_place, garble, "PutObject").publish(s3_place, make_release(), monkeypatch)
    assert caught.value.problem.code == "E505"
    assert current(s3_place) is None


def test_a_read_that_ends_early_is_asked_again(s3_place: Place, tmp_path: Path) -> None:
    store = s3_place.store()
    assert isinstance(store, S3Store)
    target = {"Bucket": store.bucket, "Key": f"{store.prefix}a.bin"}
    store.client.put_object(**target, Body=b"0123456789" * 1000)
    cut: list[Any] = []

    def shorten(number: int, request: Any) -> Any:
        if number % 2:
            return None
        found = faults.really(request)
        data = found.raw.read()[:100]
        cut.append(number)

        class Raw(io.BytesIO):
            pass

        return AWSResponse(request.url, found.status_code, found.headers, Raw(data))

    faults = Faults(s3_place, shorten, "GetObject")
    with s3_place.store(faults.client).open("a.bin") as file:
        assert file.read() == b"0123456789" * 1000
    assert cut


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", "E503"),
        (403, "RequestTimeTooSkewed", "E503"),
        (400, "ExpiredToken", "E503"),
        (404, "NoSuchBucket", "E504"),
        (400, "InvalidRequest", "E500"),
        (501, "NotImplemented", "E500"),
    ],
)
def test_answers_are_told_apart(s3_place: Place, status: int, code: str, expected: str) -> None:
    faults = Faults(s3_place, lambda _, request: answer(request, status, code))
    with pytest.raises(ReleaseError) as caught:
        s3_place.store(faults.client).list()
    assert (caught.value.problem.code, caught.value.exit) == (expected, 5)


def test_a_store_that_is_not_there(
    tmp_path: Path, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setattr(s3, "_REQUESTS", 2)
    with pytest.raises(ReleaseError) as caught:
        publish(make_release(), "s3://bucket/epc", verify=right)
    assert caught.value.problem.code == "E501"


def test_no_credentials(
    tmp_path: Path, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ReleaseError) as caught:
        publish(make_release(), "s3://bucket/epc", verify=right)
    assert caught.value.problem.code == "E502"


@pytest.mark.parametrize("swap", [True, False], ids=["compare-and-swap", "write-and-settle"])
def test_leases_exclude_and_run_out(s3_place: Place, swap: bool) -> None:
    store = s3_place.store()
    assert isinstance(store, S3Store)
    can = Capabilities(create=swap, swap=swap)

    def taker(ttl: float = 2) -> Lease:
        return Lease(store.client, store.bucket, store.prefix, can, ttl=ttl, settle=0.1)

    with taker().held() as first:
        with pytest.raises(ReleaseError) as caught, taker().held():
            pass
        assert caught.value.problem.code == "E611"
        first.check()
    dead = taker(ttl=0)
    dead._take()
    with taker().held() as second:
        with pytest.raises(ReleaseError) as caught:
            dead.check()
        assert caught.value.exit == 6
        second.check()
    assert store.head(lease.LEASE) is None


@pytest.mark.parametrize("swap", [True, False], ids=["compare-and-swap", "write-and-settle"])
def test_racing_for_a_lease(s3_place: Place, swap: bool) -> None:
    store = s3_place.store()
    assert isinstance(store, S3Store)
    can, start, won = Capabilities(create=swap, swap=swap), threading.Barrier(5), []
    lost: list[str] = []

    def race() -> None:
        mine = Lease(store.client, store.bucket, store.prefix, can, settle=0.5)
        start.wait()
        try:
            with mine.held():
                won.append(mine)
                done.wait(5)
        except ReleaseError as error:
            lost.append(error.problem.code)

    done = threading.Event()
    threads = [threading.Thread(target=race) for _ in range(5)]
    for thread in threads:
        thread.start()
    while len([thread for thread in threads if thread.is_alive()]) > 1:
        threads[0].join(0.05)
    done.set()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == ["E611"] * 4


def test_a_store_without_conditional_puts(
    s3_place: Place, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preconditions are ignored, as some stores do: they are dropped before they are sent."""

    def ignore(params: Any, **_: Any) -> None:
        for name in ("If-None-Match", "If-Match"):
            params["headers"].pop(name, None)

    monkeypatch.setattr(lease, "SETTLE", 0.1)
    faults = Faults(s3_place, lambda number, request: None)
    faults.client.meta.events.register("before-call.s3.PutObject", ignore)
    faults.publish(s3_place, make_release(), monkeypatch)
    store = s3_place.store(faults.client)
    store.prepare()
    assert isinstance(store, S3Store)
    assert not store.can.create
    assert not store.can.swap
    assert current(s3_place) == "2026-03-31"
    with pytest.raises(ReleaseError) as caught:
        faults.publish(s3_place, make_release(content=b"o", under="again"), monkeypatch)
    assert caught.value.problem.code == "E610"
