"""Credentials that end on the way, and clocks that are wrong."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.auth
import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish import s3
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.s3 import S3Store
from tests.integration.conftest import BUCKET
from tests.integration.faults import Faults, answer, right

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place, Server

Write = Callable[[str], None]


@pytest.fixture
def write_key(tmp_path: Path, moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the credentials file that the real ``connect`` finds; moto takes any key."""
    file = tmp_path / "credentials"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.endpoint)

    def write(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=secret\n")

    return write


def ends(after: int, then: Callable[[], None], used: set[str]) -> Callable[[Any], Any]:
    """A hook of a store that knows the key ``old`` no more after so many requests."""
    seen = 0

    def hook(request: Any, **_: Any) -> Any:
        nonlocal seen
        seen += 1
        key = request.headers["Authorization"].partition(b"Credential=")[2].partition(b"/")[0]
        used.add(key.decode())
        if seen > after and key == b"old":
            then()
            return answer(request, 400, "ExpiredToken")
        return None

    return hook


@pytest.mark.parametrize("after", [0, 7, 25, 40])
def test_a_key_that_ends_is_looked_up_anew(
    write_key: Write, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    write_key("old")
    used: set[str] = set()
    client = s3.connect()
    client.meta.events.register("before-send.s3", ends(after, lambda: write_key("new"), used))
    monkeypatch.setattr(s3, "connect", lambda: client)
    report = publish(make_release(), f"s3://{BUCKET}/renewed/{after}", verify=right)
    assert report.outcome == "published"
    assert used == {"old", "new"}


def test_a_key_that_has_ended_for_good(
    write_key: Write, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command goes on with another key."""
    write_key("old")
    client, uri = s3.connect(), f"s3://{BUCKET}/ended"
    client.meta.events.register("before-send.s3", ends(25, lambda: None, set()))
    with monkeypatch.context() as patched:
        patched.setattr(s3, "connect", lambda: client)
        with pytest.raises(ReleaseError) as caught:
            publish(make_release(), uri, verify=right)
    assert (caught.value.problem.code, caught.value.exit) == ("E503", 5)
    write_key("new")
    S3Store(s3.connect(), BUCKET, "ended").delete("lease.json")
    report = publish(make_release(), uri, verify=right)
    assert report.outcome == "published"
    assert report.plan.same


def test_a_head_cannot_say_why(s3_place: Place) -> None:
    """Its answer has no body: a 400 is told as what it nearly always is."""
    refused = Faults(s3_place, lambda number, request: answer(request, 400, ""), "HeadObject")
    with pytest.raises(ReleaseError) as caught:
        s3_place.store(refused.client).head("latest.json")
    assert caught.value.problem.code == "E503"


def test_a_clock_that_is_wrong(
    real_place: Place, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real server compares the clocks, and the message names them."""
    right_time = vars(botocore.auth)["get_current_datetime"]

    def late(*arguments: Any, **options: Any) -> Any:
        return right_time(*arguments, **options) - datetime.timedelta(hours=1)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", late)
    with pytest.raises(ReleaseError) as caught:
        publish(make_release(), real_place.uri, verify=right)
    assert (caught.value.problem.code, caught.value.exit) == ("E503", 5)
    assert "RequestTimeTooSkewed" in str(caught.value)
    assert "clock" in caught.value.fix
