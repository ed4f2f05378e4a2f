"""Publishing a whole release: what readers see, at every store and whatever goes wrong."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish import headers
from epc_release.release.publish.protocol import PublishReport, publish
from epc_release.release.publish.seal import Seal
from tests.integration.faults import right
from tests.integration.seen import listed_whole, pointer, whole

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place


SEAL, EXPIRES = Seal(datetime(2026, 4, 1, 13, tzinfo=UTC)), "2026-05-11T00:00:00Z"


def send(place: Place, release: Path, **options: Any) -> PublishReport:
    return publish(release, place.uri, **{"verify": right, "seal": SEAL, **options})


def statuses(place: Place) -> dict[str, str]:
    return {entry["id"]: entry["status"] for entry in pointer(place, "releases.json")["releases"]}


def refused(place: Place, release: Path, **options: Any) -> tuple[str, int]:
    with pytest.raises(ReleaseError) as caught:
        send(place, release, **options)
    str(caught.value)
    return caught.value.problem.code, caught.value.exit


def test_a_release_is_published(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    report = send(place, release)
    assert (report.outcome, report.current) == ("published", "2026-03-31")
    assert whole(place, "2026-03-31")
    sums = (release / "SHA256SUMS").read_bytes()
    entry = {
        "id": "2026-03-31",
        "status": "current",
        "cutoff": "2026-03-31T00:00:00Z",
        "rows": {"domestic-certificates": 1000},
        "bytes": sum(file.stat().st_size for file in release.rglob("*") if file.is_file()),
        "sha256": hashlib.sha256(sums).hexdigest(),
        "corrects": None,
        "notices": [],
    }
    line = {"register": "epc", "policy": "address-level", "version": 1, "expires": EXPIRES}
    assert pointer(place, "releases.json") == {**line, "releases": [entry]}
    assert pointer(place, "latest.json") == {**line, **entry}
    top = {info.path.partition("/")[0] for info in place.store().list()}
    assert top == {"2026-03-31", "latest.json", "releases.json"}


def test_the_same_again_changes_nothing(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    send(place, release)
    before = place.store().read("releases.json"), place.store().read("latest.json")
    report = send(place, release)
    assert (report.outcome, report.plan.new, report.plan.bytes) == ("unchanged", (), 0)
    assert (place.store().read("releases.json"), place.store().read("latest.json")) == before


def test_other_bytes_under_the_same_id(place: Place, make_release: MakeRelease) -> None:
    send(place, make_release())
    assert refused(place, make_release(content=b"other", under="again")) == ("E610", 6)
    assert whole(place, "2026-03-31")


def test_foreign_objects_in_the_way(place: Place, make_release: MakeRelease) -> None:
    store = place.store()
    store.prepare()
    other = make_release("other") / "ledger.json"
    sha256 = hashlib.sha256(other.read_bytes()).hexdigest()
    store.put("2026-03-31/x.json", other, sha256=sha256, headers=headers.of_release("x.json"))
    assert refused(place, make_release()) == ("E610", 6)
    assert pointer(place, "releases.json") is None


def test_the_newest_cutoff_is_current(place: Place, make_release: MakeRelease) -> None:
    send(place, make_release("2026-02-28"))
    send(place, make_release("2026-03-31", content=b"march"))
    send(place, make_release("2026-01-31", content=b"late"))
    assert pointer(place, "latest.json")["id"] == "2026-03-31"
    assert list(statuses(place).items()) == [
        ("2026-03-31", "current"),
        ("2026-02-28", "superseded"),
        ("2026-01-31", "superseded"),
    ]
    send(place, make_release("2026-03-31.2", content=b"fixed"))
    assert pointer(place, "latest.json")["id"] == "2026-03-31.2"
    assert list(statuses(place))[:2] == ["2026-03-31.2", "2026-03-31"]


def test_a_place_is_bound_to_its_line(place: Place, make_release: MakeRelease) -> None:
    send(place, make_release())
    other = make_release("2026-04-30", policy="deidentified")
    assert refused(place, other) == ("E612", 6)
    assert list(statuses(place)) == ["2026-03-31"]


def test_a_dry_run_writes_nothing(place: Place, make_release: MakeRelease) -> None:
    report = send(place, make_release(), dry_run=True)
    assert (report.outcome, len(report.plan.new), report.current) == ("planned", 5, None)
    assert "5 new files" in report.summary()
    assert place.store().list() == []
    send(place, make_release())
    other = make_release("2026-04-30", content=b"april")
    report = send(place, other, dry_run=True)
    assert (len(report.plan.new), report.current) == (5, "2026-03-31")


def test_what_does_not_verify_is_not_published(place: Place, make_release: MakeRelease) -> None:
    def wrong(folder: Path) -> None:
        raise ReleaseError("E614", release=folder, path="x", what="is wrong")

    with pytest.raises(ReleaseError):
        publish(make_release(), place.uri, verify=wrong)
    assert place.store().list() == []


@pytest.mark.parametrize("kind", ["partial", "synthetic"])
def test_marked_releases_need_leave(place: Place, make_release: MakeRelease, kind: str) -> None:
    release = make_release(**{kind: True})
    if place.kind != "folder":
        assert refused(place, release) == ("E613", 2)
        assert place.store().list() == []
    send(place, release, **{f"allow_{kind}": True})
    assert whole(place, "2026-03-31")


def test_a_withdrawn_id_does_not_come_back(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    send(place, release)
    store = place.store()
    store.prepare()
    data, version = store.read("releases.json") or (b"", "")
    withdrawn = data.replace(b'"current"', b'"withdrawn"')
    store.replace(
        "releases.json", withdrawn, headers=headers.of_pointer("releases.json"), expected=version
    )
    assert refused(place, release) == ("E618", 6)


def test_damaged_pointers_are_left_alone(place: Place, make_release: MakeRelease) -> None:
    store = place.store()
    store.prepare()
    store.replace("releases.json", b"{}", headers=headers.of_pointer("x"), expected=None)
    assert refused(place, make_release()) == ("E619", 7)
    assert pointer(place, "releases.json") == {}


def test_a_missing_object_is_put_again(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    send(place, release)
    place.store().delete("2026-03-31/ledger.json")
    report = send(place, release)
    assert [file.path for file in report.plan.new] == ["ledger.json"]
    assert whole(place, "2026-03-31")


def test_a_missing_pointer_is_written_again(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    send(place, release)
    place.store().delete("latest.json")
    send(place, release)
    assert pointer(place, "latest.json")["id"] == "2026-03-31"


def test_two_publishers_at_once(place: Place, make_release: MakeRelease) -> None:
    releases = [make_release(f"2026-0{n}-01", content=b"%d" % n) for n in range(1, 4)]
    start, ends = threading.Barrier(3), []

    def run(release: Path) -> None:
        try:
            publish(release, place.uri, verify=lambda _: start.wait())
            ends.append(0)
        except ReleaseError as error:
            ends.append(error.exit)

    threads = [threading.Thread(target=run, args=(release,)) for release in releases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 in ends
    assert set(ends) <= {0, 6}
    assert all(whole(place, release) for release in statuses(place))
    assert len(statuses(place)) == ends.count(0)
    for release in releases:
        send(place, release)
    assert pointer(place, "latest.json")["id"] == "2026-03-01"


def test_readers_see_whole_releases_only(place: Place, make_release: MakeRelease) -> None:
    """At any moment of four publishes, all that the pointers name is there, byte for byte."""
    releases = [make_release(f"2026-0{n}-01", content=b"%d" % n * 1000) for n in range(1, 5)]
    seen: list[tuple[str, bool]] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            latest = pointer(place, "latest.json")
            if latest is not None:
                right = whole(place, latest["id"], latest["sha256"]) and listed_whole(place)
                seen.append((latest["id"], right))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for release in releases:
            send(place, release)
    finally:
        done.set()
        reader.join()
    assert seen
    assert all(complete for _, complete in seen)
    assert [name for name, _ in seen] == sorted(name for name, _ in seen)


def test_what_is_not_public_yet_is_not_there(
    place: Place, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until all is proven nothing stands under the release's id; what is staged is hidden."""
    send(place, make_release("2026-01-01"))
    looked = []
    digest = type(place.store()).digest

    def look(store: Any, path: str) -> str:
        if path.startswith(".staging-"):
            looked.append(store.list("2026-02-01/"))
        return digest(store, path)

    monkeypatch.setattr(type(place.store()), "digest", look)
    send(place, make_release("2026-02-01", content=b"two"))
    assert looked == [[]] * 5
    assert whole(place, "2026-02-01")
    assert not [info for info in place.store().list() if info.path.startswith(".")]


def test_a_dry_run_tells_what_stands_in_the_way(place: Place, make_release: MakeRelease) -> None:
    """Exit code 6, as publish would; the plan is told and nothing is written."""
    store = place.store()
    store.prepare()
    other = make_release("other") / "ledger.json"
    sha256 = hashlib.sha256(other.read_bytes()).hexdigest()
    store.put("2026-03-31/x.json", other, sha256=sha256, headers=headers.of_release("x.json"))
    report = send(place, make_release(), dry_run=True)
    assert report.refused == ("x.json",)
    assert "1 conflicting: x.json" in report.summary()
    with pytest.raises(ReleaseError) as caught:
        report.check()
    assert (caught.value.problem.code, caught.value.exit) == ("E610", 6)
    assert [info.path for info in store.list()] == ["2026-03-31/x.json"]
