"""``doctor``: a sound store is found sound, a store that lies is not; and who may read a bucket."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.cli import main
from epc_release.release.publish import lease
from epc_release.release.publish.doctor import bucket_policy, examine, races, trials
from epc_release.release.publish.doctor.finding import Report
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.s3 import S3Store
from tests.integration.faults import Faults, right

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer and smaller objects than a real examination."""
    monkeypatch.setattr(trials, "MANY", 40)
    monkeypatch.setattr(trials, "BIG", 17 << 20)
    monkeypatch.setattr(races, "_ROUNDS", 2)


def wrong(report: Report) -> set[str]:
    return {finding.name for finding in report.findings if not finding.right}


def test_a_sound_store(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--to", place.uri, "--analyse"]) == 0
    told = capsys.readouterr().out
    assert "BAD" not in told
    for trial in ("read after write", "list after", "overwrite", "range", "many", "big", "MiB/s"):
        assert trial in told
    if place.kind == "folder":
        assert "publish here: a lock on the folder" in told
    else:
        assert "publish here: conditional puts" in told
        assert "one winner in 2 of 2 races" in told
        assert "read back" in told if place.kind == "moto" else "attested" in told
    assert place.store().list() == []
    if place.kind == "folder":
        assert list(Path(place.uri).iterdir()) == []


def test_what_a_place_holds(
    s3_place: Place, make_release: MakeRelease, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(make_release(), s3_place.uri, verify=right)
    store = s3_place.store()
    store.prepare()
    with store.exclusive():
        assert main(["doctor", "--to", s3_place.uri, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    says = {finding["name"]: finding["says"] for finding in report["findings"]}
    assert says["releases"] == "1 listed, 0 staged"
    assert "unlock" in says["lease"]
    assert says["clock"].endswith("apart from the store's")


def lying(place: Place, event: str, lie: Callable[[dict[str, Any]], None]) -> Report:
    """The analysis of a store that is asked something else than we ask, before it is signed."""
    client = Faults(place, lambda number, request: None).client

    def before(params: dict[str, Any], **_: Any) -> None:
        if ".analyse-" in params["url"]:
            lie(params)

    client.meta.events.register(f"before-call.s3.{event}", before)
    return examine.analyse(place.store(client))


def test_a_store_whose_lists_are_stale(s3_place: Place) -> None:
    def elsewhere(params: dict[str, Any]) -> None:
        params["url"] = params["url"].replace(".analyse-", "elsewhere-")

    assert wrong(lying(s3_place, "ListObjectsV2", elsewhere)) == {
        "list after write and delete",
        "many objects",
    }


def test_a_store_where_all_racers_win(s3_place: Place) -> None:
    """It refuses a second put, so the probe trusts it, but not puts at the same time."""

    def drop(params: dict[str, Any]) -> None:
        if "/created-" in params["url"]:
            del params["headers"]["If-None-Match"]

    report = lying(s3_place, "PutObject", drop)
    assert wrong(report) == {"raced If-None-Match"}
    with pytest.raises(ReleaseError) as caught:
        report.check()
    assert (caught.value.problem.code, caught.value.exit) == ("E510", 5)
    assert "BAD  raced If-None-Match" in report.summary()


def test_a_store_that_reads_other_ranges(s3_place: Place) -> None:
    def shift(params: dict[str, Any]) -> None:
        if params["url"].endswith("/ranges"):
            first, last = params["headers"]["Range"].removeprefix("bytes=").split("-")
            if int(first):
                params["headers"]["Range"] = f"bytes={int(first) - 1}-{int(last) - 1}"

    report = lying(s3_place, "GetObject", shift)
    assert wrong(report) == {"range reads"}


def test_a_store_without_conditions_is_told(s3_place: Place) -> None:
    def drop(params: Any, **_: Any) -> None:
        for name in ("If-None-Match", "If-Match"):
            params["headers"].pop(name, None)

    client = Faults(s3_place, lambda number, request: None).client
    client.meta.events.register("before-call.s3.PutObject", drop)
    report = examine.analyse(s3_place.store(client))
    assert report.protocol.startswith("no conditional puts")
    assert not wrong(report)


def anonymous(place: Place, path: str, store: S3Store) -> int:
    """The status of a plain request without credentials."""
    assert place.server is not None
    address = f"{place.server.endpoint}/{store.bucket}/{quote(store.prefix + path)}"
    try:
        with urllib.request.urlopen(address) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_everybody_reads_releases_and_nothing_else(
    real_place: Place, make_release: MakeRelease, capsys: pytest.CaptureFixture[str]
) -> None:
    for release in ("2026-03-31", "special"):
        made = make_release(release, policy="deidentified", cutoff="2026-03-31T00:00:00Z")
        publish(made, real_place.uri, verify=right)
    store = real_place.store()
    assert isinstance(store, S3Store)
    private = [lease.LEASE, ".staging-2026-04-30/a.json", ".probe-1", ".approvals/2026/x.minisig"]
    for path in private:
        store.client.put_object(**store.target(path), Body=b"{}")
    public = ["latest.json", "releases.json"]
    public += [info.path for info in store.list() if info.path.startswith(("2026", "special/"))]
    assert main(["doctor", "--to", real_place.uri, "--bucket-policy"]) == 0
    policy = capsys.readouterr().out
    assert {anonymous(real_place, path, store) for path in public} == {403}
    store.client.put_bucket_policy(Bucket=store.bucket, Policy=policy)
    try:
        assert {path: anonymous(real_place, path, store) for path in public} == dict.fromkeys(
            public, 200
        )
        assert {path: anonymous(real_place, path, store) for path in private} == dict.fromkeys(
            private, 403
        )
        assert anonymous(real_place, "", store) == 403
    finally:
        store.client.delete_bucket_policy(Bucket=store.bucket)


def test_no_policy_where_readers_are_registered(
    place: Place, make_release: MakeRelease, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["doctor", "--to", place.uri, "--bucket-policy"]
    if place.kind == "folder":
        assert main(ask) == 2
        return
    assert main(ask) == 2
    assert main([*ask, "--policy", "address-level"]) == 4
    assert main([*ask, "--policy", "deidentified"]) == 0
    assert "Allow" in capsys.readouterr().out
    publish(make_release(), place.uri, verify=right)
    assert main(ask) == 4
    assert main([*ask, "--policy", "deidentified"]) == 2
    assert "Allow" not in capsys.readouterr().out


def test_a_policy_fits_the_size_that_stores_take() -> None:
    policy = bucket_policy.bucket_policy("b" * 63, "p" * 60 + "/", "open", "s3://b/p")
    assert len(json.dumps(policy)) < 20 * 1024
