"""What a reader with a public key notices, at every store: forgery, stripping, rollback, freeze,
mix and match; and that an honest publisher is never accused, whenever somebody looks."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.minisign import SecretKey
from epc_release.release.progress import Silent
from epc_release.release.publish import headers, moves, origin
from epc_release.release.publish.folder import FolderStore
from epc_release.release.publish.origin import Expected, Origin, verify_origin
from epc_release.release.publish.protocol import PublishReport, publish
from epc_release.release.publish.reader import open_reader
from epc_release.release.publish.seal import Seal
from epc_release.release.publish.stores import Store
from epc_release.release.publish.target import open_store
from epc_release.release.signing import comment

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place

KEY, OTHER = SecretKey(b"k" * 32, b"key-----"), SecretKey(b"o" * 32, b"other---")
NOW = datetime(2026, 4, 1, 13, tzinfo=UTC)
SEAL = Seal(NOW, key=KEY)
# What differs between stores is tested elsewhere: one of each kind will do.
_STORES = pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "_PAUSE", 0.02)


def send(place: Place, release: Path, seal: Seal = SEAL) -> PublishReport:
    return publish(release, place.uri, verify=lambda _: None, seal=seal)


def move(uri: str, plan: moves.Plan, seal: Seal = SEAL) -> moves.Move:
    def unrecorded(*_: Any) -> Any:
        from contextlib import nullcontext

        return nullcontext()

    return moves.carry_out(open_store(uri), plan, seal, unrecorded, Silent())


def look(uri: str, release: str, **known: Any) -> Origin:
    expected = Expected(**{"keys": (KEY.public,), "now": NOW, **known})
    reader = open_reader(f"{uri}/{release}")
    return verify_origin(reader, lambda: open_reader(uri), expected, remote=True)


def codes(place: Place, release: str = "2026-03-31", **known: Any) -> set[str]:
    return {finding.code for finding in look(place.uri, release, **known).findings}


def put(store: Store, path: str, data: bytes | None) -> None:
    """What somebody with the right to write does, without the key."""
    stored = store.read(path)
    if stored is not None:
        store.delete(path)
    if data is not None:
        store.replace(path, data, headers=headers.of_pointer(path), expected=None)


def snapshot(store: Store, *names: str) -> dict[str, bytes]:
    """Pointers and signatures as they are now."""
    paths = [i.path for i in store.list() if "/" not in i.path or i.path.startswith("signatures/")]
    chosen = [p for p in paths if not names or p.startswith((*names, "signatures/"))]
    return {path: found[0] for path in chosen if (found := store.read(path))}


@_STORES
def test_a_signed_release_is_accepted(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    send(place, release)
    found = look(place.uri, "2026-03-31")
    assert (found.findings, found.version) == ((), 1)
    assert found.told == f"Signed with key {KEY.public.key_id}."
    assert codes(place, keys=(OTHER.public, KEY.public)) == set()
    assert (release / "SHA256SUMS.minisig").read_bytes().count(comment("2026-03-31").encode()) == 1
    assert origin.latest_of(open_reader(place.uri)) == "2026-03-31"
    assert origin.latest_of(open_reader(f"{place.uri}/2026-03-31")) is None
    assert look(place.uri, "2026-03-31", keys=()).told.startswith("This proves integrity, not")


@_STORES
def test_what_is_forged_is_refused(place: Place, make_release: MakeRelease) -> None:
    send(place, make_release())
    store, honest = place.store(), snapshot(place.store())
    store.prepare()
    at = "2026-03-31/SHA256SUMS"
    sums, signature = (store.read(f"{at}{end}") or (b"",) for end in ("", ".minisig"))
    latest = honest["latest.json"].replace(b'"version": 1', b'"version": 9')
    signatures = dict.fromkeys((p for p in honest if p.endswith(".minisig")), None)
    forged: dict[str, tuple[dict[str, bytes | None], set[str]]] = {
        "stripped release": ({f"{at}.minisig": None}, {"E720"}),
        "stripped pointers": (signatures, {"E720"}),
        "another's release": (
            {f"{at}.minisig": OTHER.sign(sums[0], comment("2026-03-31"))},
            {"E721"},
        ),
        "another id": ({f"{at}.minisig": KEY.sign(sums[0], comment("2026-04-30"))}, {"E722"}),
        "other checksums": ({at: sums[0].replace(b"ledger", b"Ledger")}, {"E721", "E727"}),
        "no signature at all": ({f"{at}.minisig": b"signed, honestly\n"}, {"E721"}),
        "another latest": ({"latest.json": latest}, {"E721"}),
        "no latest": ({"latest.json": None}, {"E723"}),
        "no pointers": ({"latest.json": None, "releases.json": None}, {"E723"}),
    }
    whole = {**honest, at: sums[0], f"{at}.minisig": signature[0]}
    for what, (changed, expected) in forged.items():
        for path, data in changed.items():
            put(store, path, data)
        assert codes(place) == expected, what
        for path in changed:
            put(store, path, whole[path])
    assert codes(place) == set()
    assert codes(place, keys=(OTHER.public,)) == {"E721"}


@_STORES
def test_what_is_old_is_refused(place: Place, make_release: MakeRelease) -> None:
    store = place.store()
    send(place, make_release("2026-02-28"))
    old = snapshot(store)
    send(place, make_release("2026-03-31", content=b"march"))
    send(place, make_release("2026-04-30", content=b"april"))
    new = snapshot(store)
    assert json.loads(new["latest.json"])["version"] == 3
    assert codes(place, "2026-04-30", seen=3) == set()

    for path, data in old.items():  # everything goes back (rollback)
        put(store, path, data)
    assert codes(place, "2026-02-28") == set()  # nobody without memory can know
    assert codes(place, "2026-02-28", seen=3) == {"E725"}
    assert codes(place, "2026-02-28", not_older_than=NOW - timedelta(days=7)) == {"E726"}
    assert codes(place, "2026-04-30") == {"E727"}  # not listed in that state

    for path, data in new.items():
        put(store, path, data)
    assert codes(place, "2026-04-30", now=NOW + timedelta(days=39)) == set()
    assert codes(place, "2026-04-30", now=NOW + timedelta(days=41)) == {"E724"}  # freeze

    for path in ("latest.json", "latest.json.minisig", *(p for p in old if "signatures/" in p)):
        put(store, path, old[path])  # mix and match
    assert codes(place, "2026-04-30") == {"E727"}


@_STORES
def test_a_release_of_another_line_is_refused(place: Place, make_release: MakeRelease) -> None:
    """The same key signs both lines, and the id is the same."""
    send(place, make_release())
    other = make_release(policy="deidentified", under="other")
    elsewhere = FolderStore(other.parents[1] / "elsewhere")
    publish(other, elsewhere.root, verify=lambda _: None, seal=SEAL)
    store, honest = place.store(), snapshot(place.store())
    for info in (i for i in elsewhere.list() if i.path.startswith(("latest.json", "signatures/"))):
        found = elsewhere.read(info.path)
        put(store, info.path, found[0] if found else None)
    assert codes(place) == {"E727"}  # its pointer beside ours
    for path, data in honest.items():
        put(store, path, data)
    assert codes(place) == set()
    for info in elsewhere.list("2026-03-31/"):
        found = elsewhere.read(info.path)
        put(store, info.path, found[0] if found else None)
    assert codes(place) == {"E727"}  # its files under our pointers


@_STORES
def test_the_same_again_renews(place: Place, make_release: MakeRelease) -> None:
    release = make_release()
    assert send(place, release).outcome == "published"
    assert send(place, release).outcome == "unchanged"
    later = Seal(NOW + timedelta(days=30), key=KEY)
    assert send(place, release, later).outcome == "renewed"
    latest = json.loads(snapshot(place.store())["latest.json"])
    assert (latest["version"], latest["expires"]) == (2, later.expires)
    assert codes(place, now=NOW + timedelta(days=60)) == set()
    assert len([p for p in snapshot(place.store()) if p.startswith("signatures/")]) == 4


@_STORES
def test_a_signed_place_stays_signed(place: Place, make_release: MakeRelease) -> None:
    send(place, make_release())
    before = snapshot(place.store())
    for seal, code in ((Seal(NOW), "E431"), (Seal(NOW, key=OTHER), "E432")):
        with pytest.raises(ReleaseError) as caught:
            send(place, make_release("2026-04-30", content=code.encode()), seal)
        assert caught.value.problem.code == code
        with pytest.raises(ReleaseError, match=code):
            move(place.uri, moves.notice("2026-03-31", "x", NOW), seal)
    assert snapshot(place.store()) == before


@_STORES
def test_an_unsigned_place_is_signed_when_there_is_a_key(
    place: Place, make_release: MakeRelease
) -> None:
    release = make_release()
    send(place, release, Seal(NOW))
    assert codes(place) == {"E720"}
    assert send(place, release).outcome == "published"  # the signature is new
    assert codes(place) == set()


def test_a_local_copy_needs_no_place(make_release: MakeRelease) -> None:
    release = make_release()
    expected = Expected((KEY.public,), NOW)
    publish(release, release.parents[1] / "public", verify=lambda _: None, seal=SEAL)
    found = verify_origin(
        open_reader(release), lambda: open_reader(release.parent), expected, remote=False
    )
    assert (found.findings, found.version) == ((), None)
    assert "is not known" in found.told


@_STORES
def test_readers_with_a_key_never_see_a_mixture(place: Place, make_release: MakeRelease) -> None:
    """Publishing, rolling back, noting and pruning, while somebody looks all the time."""
    send(place, make_release("2026-01-01"))
    seen: list[tuple[str, int | None, tuple[Any, ...]]] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            latest = str(origin.latest_of(open_reader(place.uri)))
            found = look(place.uri, latest)
            seen.append((latest, found.version, found.findings))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for month in range(2, 5):
            send(place, make_release(f"2026-0{month}-01", content=b"%d" % month))
        move(place.uri, moves.notice("2026-04-01", "Leeds is missing.", NOW))
        move(place.uri, moves.rollback("2026-03-01"))
        move(place.uri, moves.pruning(2, "too old", NOW))
    finally:
        done.set()
        reader.join()
    assert {findings for _, _, findings in seen} == {()}
    versions = [version or 0 for _, version, _ in seen]
    assert versions == sorted(versions)
    assert len(set(versions)) > 1


Change = Callable[[], object]


def interrupted(monkeypatch: pytest.MonkeyPatch, change: Change, step: int) -> bool:
    """Whether the change was killed before its ``step``-th write (1 is the first)."""
    count = 0

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise KeyboardInterrupt
            return original(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("put", "replace", "delete", "promote"):
            patch.setattr(FolderStore, name, dying(getattr(FolderStore, name)))
        try:
            change()
        except KeyboardInterrupt:
            return True
    return False


def state(uri: Path) -> dict[str, bytes]:
    """Every file but the signatures of earlier pointers, which readers may still be checking."""
    found = {p.relative_to(uri).as_posix(): p.read_bytes() for p in uri.rglob("*") if p.is_file()}
    return {path: data for path, data in found.items() if not path.startswith("signatures/")}


@pytest.mark.parametrize("action", ["publish", "rollback", "notice", "prune"])
def test_killed_at_every_write(
    tmp_path: Path, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Readers see the state before or after, and the same command again ends in the same bytes."""
    releases = [make_release(f"2026-0{month}-01", content=b"%d" % month) for month in range(1, 5)]
    last = releases[-1] if action == "publish" else None

    for release in releases:
        if release != last:
            publish(release, tmp_path / "begin", verify=lambda _: None, seal=SEAL)

    def fresh(name: str) -> Path:
        return Path(shutil.copytree(tmp_path / "begin", tmp_path / name))

    def change(uri: Path) -> object:
        if last is not None:
            return publish(last, uri, verify=lambda _: None, seal=SEAL)
        plans = {
            "rollback": moves.rollback("2026-02-01"),
            "notice": moves.notice("2026-02-01", "Leeds is missing.", NOW),
            "prune": moves.pruning(2, "too old", NOW),
        }
        return move(str(uri), plans[action])

    right = fresh("undisturbed")
    before = str(origin.latest_of(open_reader(right)))
    change(right)
    after = str(origin.latest_of(open_reader(right)))
    step = 1
    while True:
        uri = fresh(f"killed-{step}")
        if not interrupted(monkeypatch, lambda uri=uri: change(uri), step):  # type: ignore[misc]
            break
        latest = str(origin.latest_of(open_reader(uri)))
        assert latest in (before, after)
        assert look(str(uri), latest).findings == ()
        change(uri)
        assert state(uri) == state(right), step
        step += 1
    print(f"{action}: killed at {step - 1} writes")
    assert step > 6
