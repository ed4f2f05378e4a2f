"""Fetching from a place whose publisher signs: what is forged, old or mixed is never downloaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.checksums import checksums
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.minisign import SecretKey
from epc_release.release.cli import main
from epc_release.release.fetch.run import Fetched, fetch
from epc_release.release.fetch.trust import Trust
from epc_release.release.progress import Silent
from epc_release.release.publish import origin
from epc_release.release.publish.folder import FolderStore
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.reader import StoreReader, open_reader
from epc_release.release.publish.seal import Seal
from epc_release.release.signing import comment
from tests.small_releases import Shape, Small

KEY, OTHER = SecretKey(b"k" * 32, b"key-----"), SecretKey(b"o" * 32, b"other---")
SHAPES = {"flat": Shape({"id": "string", "text": "string"}, key=("id",))}
CUTOFFS = {"mon": "2026-03-30T00:00:00Z", "tue": "2026-03-31T00:00:00Z"}


def made(day: str, root: Path, text: str) -> Path:
    """A release of one row with the cut-off of its day."""
    release = Small(day, SHAPES, {"flat": [("1", text)]}, register="epc").write(root)
    descriptor = release / "datapackage.json"
    told = json.loads(descriptor.read_bytes())
    told["created"], told["epcRelease"]["synthetic"] = CUTOFFS[day], False
    descriptor.write_text(json.dumps(told), encoding="utf-8")
    files = [p for p in release.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]
    facts = (
        FileFacts(p.relative_to(release).as_posix(), 0, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in files
    )
    (release / "SHA256SUMS").write_text(checksums(facts), encoding="utf-8")
    return release


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "_PAUSE", 0.0)


@pytest.fixture
def send(tmp_path: Path) -> Callable[..., Path]:
    """``send(day)``: publish the release of a day, signed; the place."""

    def publish_day(day: str, moment: datetime | None = None) -> Path:
        release = made(day, tmp_path / "out", day)
        seal = Seal(moment or datetime.now(UTC), key=KEY)
        publish(release, tmp_path / "place", verify=lambda _: None, seal=seal)
        return tmp_path / "place"

    return publish_day


def get(place: Path, to: Path, *keys: SecretKey, **known: Any) -> Fetched:
    trust = Trust(tuple(key.public for key in keys or (KEY,)), **known)
    return fetch(str(place), to, (), (), Silent(), trust)


def refused(place: Path, to: Path, *keys: SecretKey, **known: Any) -> str:
    """The finding for which nothing was downloaded."""
    with pytest.raises(ReleaseError) as caught:
        get(place, to, *keys, **known)
    assert (caught.value.problem.code, caught.value.exit) == ("E453", 7)
    assert not to.exists()
    return str(caught.value.details["why"])[:4]


def replace(place: Path, path: str, data: bytes | None) -> bytes:
    """What somebody with the right to write does, without the key; the bytes of before."""
    before = (place / path).read_bytes()
    (place / path).unlink()
    if data is not None:
        (place / path).write_bytes(data)
    return before


def test_who_signed_is_told_and_the_signature_is_kept(
    send: Callable[..., Path], tmp_path: Path
) -> None:
    place = send("mon")
    found = get(place, tmp_path / "to")
    assert found.origin == f"Signed with key {KEY.public.key_id}."
    assert found.origin in str(found)
    kept = (tmp_path / "to" / "SHA256SUMS.minisig").read_bytes()
    assert kept == (place / "mon" / "SHA256SUMS.minisig").read_bytes()
    assert get(place / "mon", tmp_path / "one").origin == found.origin
    unproven = fetch(str(place), tmp_path / "any", (), (), Silent())
    assert unproven.origin == "This proves integrity, not origin: no public key was given."
    assert not (tmp_path / "any" / "SHA256SUMS.minisig").exists()


def test_stripped_or_wrong_signatures(send: Callable[..., Path], tmp_path: Path) -> None:
    place, to = send("mon"), tmp_path / "to"
    at = "mon/SHA256SUMS.minisig"
    sums = (place / "mon" / "SHA256SUMS").read_bytes()
    honest = replace(place, at, None)
    assert refused(place, to) == "E720"
    (place / at).write_bytes(OTHER.sign(sums, comment("mon")))
    assert refused(place, to) == "E721"
    replace(place, at, KEY.sign(sums, comment("tue")))
    assert refused(place, to) == "E722"
    replace(place, at, honest)
    assert refused(place, to, OTHER) == "E721"
    get(place, to)


def test_rollback_freeze_and_mixture(send: Callable[..., Path], tmp_path: Path) -> None:
    place, seen = send("mon"), tmp_path / "seen.json"
    old = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    get(place, tmp_path / "mon", seen=seen)
    send("tue")
    assert get(place, tmp_path / "tue", seen=seen).release == "tue"
    assert set(json.loads(seen.read_text("utf-8")).values()) == {2}
    new = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    def show(state: dict[Path, bytes], *names: str) -> None:
        for path, data in state.items():
            if not names or path.name.startswith(names) or "signatures" in path.parts:
                path.unlink(missing_ok=True)
                path.write_bytes(data)

    show(old)
    assert get(place, tmp_path / "without-memory").release == "mon"
    assert refused(place, tmp_path / "to", seen=seen) == "E725"
    later = datetime.now(UTC) + timedelta(days=1)
    assert refused(place, tmp_path / "to", not_older_than=later) == "E726"
    assert set(json.loads(seen.read_text("utf-8")).values()) == {2}

    show(new)
    show(old, "releases.json")
    assert refused(place / "tue", tmp_path / "to") == "E727"
    show(new)
    get(place, tmp_path / "to", seen=seen)


def test_a_place_that_was_never_renewed(send: Callable[..., Path], tmp_path: Path) -> None:
    place = send("mon", datetime.now(UTC) - timedelta(days=60))
    assert refused(place, tmp_path / "to") == "E724"


def test_what_was_verified_is_what_is_kept(
    send: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that shows forged checksums first and the signed ones to whoever looks again."""
    place = send("mon")
    forged = tmp_path / "forged"
    release = made("mon", forged, "forged")
    honest = StoreReader(FolderStore(place / "mon"))
    asked: list[str] = []

    def honestly(path: str) -> bool:
        return path in asked or not (release / path).is_file()

    class Lying:
        """Each description once of the forged release, then of the honest one."""

        def list(self) -> list[str]:
            return honest.list()

        def size(self, path: str) -> int:
            return honest.size(path) if honestly(path) else (release / path).stat().st_size

        def open(self, path: str) -> Any:
            if honestly(path):
                return honest.open(path)
            asked.append(path)
            return (release / path).open("rb")

    def opened(uri: str) -> Any:
        return Lying() if str(uri).endswith("mon") else open_reader(uri)

    monkeypatch.setattr("epc_release.release.fetch.run.open_reader", opened)
    assert refused(place / "mon", tmp_path / "to") == "E721"
    assert asked == ["SHA256SUMS", "datapackage.json"]


def test_the_command_takes_keys_and_needs_one_for_a_memory(
    send: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, to = str(send("mon")), str(tmp_path / "to")
    assert main(["fetch", place, "--to", to, "--seen", str(tmp_path / "seen")]) == 2
    wrong = ["fetch", place, "--to", to, "--public-key", OTHER.public.line()]
    assert main(wrong) == 7
    assert "E453" in capsys.readouterr().err
    command = ["fetch", place, "--to", to, "--public-key", KEY.public.line(), "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["origin"].startswith("Signed with key")
    assert main([*command, "--not-older-than", "2999-01-01T00:00Z"]) == 7
    assert main(["fetch", place, "--to", to]) == 0
    assert "integrity, not origin" in capsys.readouterr().out
