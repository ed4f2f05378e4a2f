"""A withdrawal that is watched, killed at any request, or made where old versions are kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.anonymise.policy import load_policy
from epc_release.release.progress import Silent
from epc_release.release.publish import s3
from epc_release.release.publish.folder import FolderStore
from epc_release.release.publish.moves import Move, carry_out
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.s3 import S3Store
from epc_release.release.publish.seal import Seal
from epc_release.release.publish.stores import Store
from epc_release.release.withdraw.plan import withdrawal
from epc_release.release.withdraw.sought import Sought
from epc_release.schemas.load import load_register
from tests.small_releases import Shape, Small

if TYPE_CHECKING:
    from tests.integration.conftest import Place, Server

NOW = datetime(2026, 4, 1, 13, tzinfo=UTC)
NUMBER, OTHER = "1111-2222-3333-4444-5555", "9999-8888-7777-6666-5555"
CLEAN, HOLDING, NEWEST = "2026-03-29", "2026-03-30", "2026-03-31"
SHAPES = {
    "domestic-certificates": Shape(
        {"certificate_number": "string", "address": "string"}, ("certificate_number",)
    ),
    "domestic-recommendations": Shape(
        {"certificate_number": "string", "improvement_item": "integer"}
    ),
}
_STORES = pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)


class KilledError(BaseException):
    """The end of a process, as far as a thread can play it."""


def release(root: Path, name: str, numbers: tuple[str, ...]) -> Path:
    certificates = [(number, f"{number[:2]} {name} Road") for number in numbers]
    advice = [(number, item) for number in numbers for item in (1, 2)]
    rows: dict[str, Any] = {
        "domestic-certificates": certificates,
        "domestic-recommendations": advice,
    }
    folder = Small(name, SHAPES, rows, "epc").write(root)
    descriptor = folder / "datapackage.json"
    told = json.loads(descriptor.read_bytes())
    told["created"] = f"{name}T00:00:00Z"
    told["epcRelease"] |= {"policy": {"name": "address-level"}, "synthetic": False}
    old = hashlib.sha256(descriptor.read_bytes()).hexdigest()
    descriptor.write_text(json.dumps(told))
    sums = folder / "SHA256SUMS"
    new = hashlib.sha256(descriptor.read_bytes()).hexdigest()
    sums.write_text(sums.read_text().replace(old, new))
    return folder


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The two newest releases hold the certificate, the oldest does not."""
    root = tmp_path_factory.mktemp("line")
    held = {CLEAN: (OTHER,), HOLDING: (NUMBER, OTHER), NEWEST: (NUMBER, OTHER)}
    return tuple(release(root, name, numbers) for name, numbers in held.items())


def send(uri: str, releases: tuple[Path, ...]) -> None:
    for folder in releases:
        publish(folder, uri, verify=lambda _: None, seal=Seal(NOW))


def sought(state: Path, *numbers: str) -> Sought:
    register = load_register("epc")
    keys = {number.replace("-", ""): NOW for number in numbers}
    return Sought(register, load_policy("address-level", register), state, keys)


def withdraw(store: Store, state: Path, *numbers: str) -> Move:
    plan = withdrawal(sought(state, *(numbers or (NUMBER,))), NOW)
    move = plan(store)
    if move.changes:
        carry_out(store, plan, Seal(NOW), lambda *_: nullcontext(), Silent())
    return move


def contents(store: Store) -> dict[str, bytes]:
    found = {}
    for info in store.list():
        with store.open(info.path) as stream:
            found[info.path] = stream.read()
    return found


def entries(store: Store) -> dict[str, str]:
    return {e["id"]: e["status"] for e in json.loads(contents(store)["releases.json"])["releases"]}


@_STORES
def test_the_newest_release_without_it_becomes_current(
    place: Place, line: tuple[Path, ...], tmp_path: Path
) -> None:
    send(place.uri, line)
    kept = {p: d for p, d in contents(place.store()).items() if p.startswith(f"{CLEAN}/")}
    withdraw(place.store(), tmp_path)
    found = contents(place.store())
    assert entries(place.store()) == {
        CLEAN: "current",
        HOLDING: "withdrawn",
        NEWEST: "withdrawn",
    }
    assert {path for path in found if "/" in path} == {
        *kept,
        f"{HOLDING}/gone.json",
        f"{NEWEST}/gone.json",
    }
    assert {path: found[path] for path in kept} == kept
    assert json.loads(found[f"{NEWEST}/gone.json"])["instead"] == CLEAN
    assert not withdraw(place.store(), tmp_path).changes
    assert contents(place.store()) == found

    withdraw(place.store(), tmp_path, NUMBER, OTHER)
    assert "latest.json" not in contents(place.store())
    assert set(entries(place.store()).values()) == {"withdrawn"}


@_STORES
def test_a_reader_never_sees_a_mixture(
    place: Place, line: tuple[Path, ...], tmp_path: Path
) -> None:
    send(place.uri, line)
    done, seen, wrong = threading.Event(), set[str](), list[str]()

    def current(store: Store) -> str:
        return str(json.loads((store.read("latest.json") or (b"{}",))[0])["id"])

    def poll() -> None:
        store = place.store()
        last = False
        while not last:
            last = done.is_set()
            name = current(store)
            sums = store.read(f"{name}/SHA256SUMS")
            files = [each.split("  ") for each in (sums[0] if sums else b"").decode().splitlines()]
            found = {path: store.read(f"{name}/{path}") for _, path in files}
            whole = bool(files) and None not in found.values()
            if not whole and current(store) == name:
                wrong.append(f"{name} is current and not whole")
            for digest, path in files:
                data = found[path]
                if data is not None and hashlib.sha256(data[0]).hexdigest() != digest:
                    wrong.append(f"{name}/{path} has other bytes")
            if whole:
                seen.add(name)

    reader = threading.Thread(target=poll)
    reader.start()
    while NEWEST not in seen and reader.is_alive():
        done.wait(0.01)
    withdraw(place.store(), tmp_path)
    done.set()
    reader.join(60)
    assert wrong == []
    assert seen == {NEWEST, CLEAN}


class Dying(FolderStore):
    """A folder whose publisher dies before its write number ``left``."""

    left = 0

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError

    def replace(self, *args: Any, **named: Any) -> None:
        self._step()
        super().replace(*args, **named)

    def delete(self, path: str) -> None:
        self._step()
        super().delete(path)


def test_killed_at_every_write_to_a_folder(line: tuple[Path, ...], tmp_path: Path) -> None:
    send(str(tmp_path / "ready"), line)
    shutil.copytree(tmp_path / "ready", tmp_path / "undisturbed")
    withdraw(FolderStore(tmp_path / "undisturbed"), tmp_path)
    expected = contents(FolderStore(tmp_path / "undisturbed"))
    for points in range(1000):
        place = tmp_path / f"killed-{points}"
        shutil.copytree(tmp_path / "ready", place)
        store = Dying(place)
        store.left = points
        try:
            withdraw(store, tmp_path)
        except KilledError:
            withdraw(FolderStore(place), tmp_path)
            assert contents(FolderStore(place)) == expected
        else:
            break
    print(f"{points} points")
    assert points > 10


def test_killed_at_requests_to_a_real_server(
    real_place: Place, line: tuple[Path, ...], tmp_path: Path
) -> None:
    """Every seventh request of a withdrawal, the lease taken and let go included."""
    server = real_place.server
    assert server is not None
    expected, points = None, 0
    for point in (None, *range(0, 200, 7)):
        uri = f"{real_place.uri}/{point}"
        send(uri, line)
        sent = iter(range(1000))

        def die(point: int | None = point, sent: Iterator[int] = sent, **_: object) -> None:
            if point is not None and next(sent) >= point:
                raise KilledError

        client = server.client()
        client.meta.events.register("before-send.s3", die)
        prefix = uri.split("/", 3)[3]
        again = S3Store(server.client(), "open-data", prefix)
        try:
            withdraw(S3Store(client, "open-data", prefix), tmp_path)
        except KilledError:
            points += 1
            again.delete("lease.json")  # as unlock does, or time
            withdraw(again, tmp_path)
        found = {p: d for p, d in contents(again).items() if not p.startswith(".probe")}
        expected = expected or found
        assert found == expected
        if point is not None and points <= point // 7:
            break  # it was done before it could be killed
    print(f"{points} points")
    assert points > 5


def test_versions_that_a_bucket_keeps_are_deleted_too(
    moto_server: Server, line: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = moto_server.client()
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setattr(s3, "connect", lambda: client)
    send("s3://versioned/epc", line)
    withdraw(S3Store(client, "versioned", "epc"), tmp_path)
    told = client.list_object_versions(Bucket="versioned", Prefix="epc/")
    left = {v["Key"] for kind in ("Versions", "DeleteMarkers") for v in told.get(kind, ())}
    below = {key for key in left if HOLDING in key or NEWEST in key}
    assert below == {f"epc/{HOLDING}/gone.json", f"epc/{NEWEST}/gone.json"}
    assert any(f"epc/{CLEAN}/parquet" in key for key in left)


@_STORES
def test_what_is_staged_or_left_behind_goes_too(
    place: Place, line: tuple[Path, ...], tmp_path: Path
) -> None:
    waiting: Callable[..., tuple[str, ...]] = lambda *_: ("somebody",)  # noqa: E731
    publish(line[0], place.uri, verify=lambda _: None, seal=Seal(NOW))
    publish(line[1], place.uri, verify=lambda _: None, seal=Seal(NOW), lacking=waiting)
    publish(line[2], place.uri, verify=lambda _: None, seal=Seal(NOW), lacking=waiting)
    place.store().promote(NEWEST)  # and died before the pointers changed
    assert any(path.startswith(f".staging-{HOLDING}") for path in contents(place.store()))
    move = withdraw(place.store(), tmp_path)
    assert len(move.dropped) == 2
    assert {path.split("/")[0] for path in contents(place.store()) if "/" in path} == {CLEAN}
    assert entries(place.store()) == {CLEAN: "current"}
    assert not withdraw(place.store(), tmp_path).changes
