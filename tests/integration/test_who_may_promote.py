"""Who makes a release public: nobody by accident, nobody alone where two are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.minisign import PublicKey, SecretKey
from epc_release.release.operations import logged
from epc_release.release.progress import Silent
from epc_release.release.publish import approval, moves
from epc_release.release.publish.permission import Rules
from epc_release.release.publish.protocol import PublishReport, publish
from epc_release.release.publish.seal import Seal
from epc_release.release.publish.staged import read_staged
from epc_release.release.publish.target import open_store

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place

BUILDER, HEAD, STRANGER = (SecretKey(seed * 32, b"the-id-%c" % seed) for seed in (b"b", b"h", b"s"))
NOW = datetime(2026, 4, 1, 13, tzinfo=UTC)
SEAL = Seal(NOW, key=BUILDER)
ID = "2026-03-31"
# What differs between stores is tested elsewhere: one of each kind will do.
_STORES = pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)


def rules(**changed: Any) -> Rules:
    """Nothing is asked for but what is always asked for."""
    settings: dict[str, Any] = {
        "promotion": "automatic",
        "not_before": None,
        "approvers": (HEAD.public,),
        "policy_approved": lambda *_: True,
        "now": NOW,
    }
    return Rules(**{**settings, **changed})


@pytest.fixture
def make(make_release: MakeRelease) -> Callable[..., Path]:
    """A release that tells of its gates, as every real one does."""

    def with_gates(release: str = ID, accepted: tuple[str, ...] = (), **facts: Any) -> Path:
        folder = make_release(release, content=release.encode(), **facts)
        told = {"accepted": [{"table": "t", "code": code} for code in accepted]}
        add(folder, "quality.json", json.dumps(told).encode())
        return folder

    return with_gates


def add(folder: Path, path: str, data: bytes) -> None:
    import hashlib

    (folder / path).write_bytes(data)
    sums = folder / "SHA256SUMS"
    line = f"{hashlib.sha256(data).hexdigest()}  {path}\n"
    sums.write_text("".join(sorted([*sums.read_text().splitlines(keepends=True), line])))


def send(place: Place, release: Path, under: Rules, seal: Seal = SEAL) -> PublishReport:
    return publish(release, place.uri, verify=lambda _: None, seal=seal, lacking=under.lacks)


def promote(place: Place, under: Rules, release: str = ID, record: Any = None) -> moves.Move:
    def unrecorded(*_: object) -> AbstractContextManager[None]:
        return nullcontext()

    plan = moves.promotion(release, under)
    return moves.carry_out(open_store(place.uri), plan, SEAL, record or unrecorded, Silent())


def refused(place: Place, under: Rules, release: str = ID) -> str:
    with pytest.raises(ReleaseError) as caught:
        promote(place, under, release)
    assert str(caught.value)
    assert caught.value.fix
    return caught.value.problem.code


def approve(place: Place, key: SecretKey, release: str = ID) -> str:
    store = open_store(place.uri)
    return approval.approve(store, read_staged(store, release), key, "Somebody", NOW)


def current(place: Place) -> str | None:
    found = place.store().read("latest.json")
    return None if found is None else str(json.loads(found[0])["id"])


@_STORES
def test_a_folder_needs_passed_gates_and_a_store_more(
    place: Place, make: Callable[..., Path]
) -> None:
    first = send(place, make(), rules())
    if place.kind == "folder":
        assert (first.outcome, first.lacks, current(place)) == ("published", (), ID)
    else:
        assert (first.outcome, current(place)) == ("staged", None)
        assert first.lacks == ("it would be the first release there",)
        assert f"promote {ID} --to {place.uri}" in first.summary()
        promote(place, rules())
        assert current(place) == ID
    assert send(place, make("2026-04-30"), rules()).outcome == "published"

    unapproved = rules(policy_approved=lambda *_: False)
    found = send(place, make("2026-05-31"), unapproved)
    if place.kind != "folder":
        assert found.outcome == "staged"
        assert "nobody approved policy address-level" in found.lacks[0]
    found = send(place, make("2026-06-30", accepted=("rejected",)), rules())
    assert found.lacks == ("gates were accepted, not passed: t rejected",)
    assert current(place) == ("2026-05-31" if place.kind == "folder" else "2026-04-30")
    promote(place, rules(), "2026-06-30")  # a person may
    assert current(place) == "2026-06-30"


@_STORES
def test_publishing_again_promotes_what_is_complete(
    place: Place, make: Callable[..., Path]
) -> None:
    release, embargo = make(), NOW + timedelta(days=1)
    waiting = rules(not_before=embargo)
    report = send(place, release, waiting)
    assert (report.outcome, current(place)) == ("staged", None)
    assert "2026-04-02T13:00:00Z" in report.lacks[0]
    assert refused(place, waiting) == "E434"
    assert current(place) is None
    promote(place, rules(not_before=embargo, now=embargo))
    assert current(place) == ID
    later = make("2026-04-30")
    assert send(place, later, waiting).outcome == "staged"
    again = send(place, later, rules(not_before=embargo, now=embargo))
    assert (again.outcome, again.plan.new, current(place)) == ("published", (), "2026-04-30")


@_STORES
def test_two_identities(place: Place, make: Callable[..., Path]) -> None:
    asked = rules(promotion="approved")
    report = send(place, make(), asked)
    assert report.outcome == "staged"
    assert f"epc-release approve {ID} --to {place.uri}" in report.lacks[0]
    assert refused(place, asked) == "E435"
    with pytest.raises(ReleaseError, match="E436"):
        approve(place, BUILDER)
    approve(place, STRANGER)  # has a key, and is nobody's approver
    assert refused(place, asked) == "E435"
    assert refused(place, rules(promotion="approved", approvers=())) == "E443"
    path = approve(place, HEAD)
    assert path == f".approvals/{ID}/{HEAD.public.key_id}.minisig"
    promote(place, asked)
    assert current(place) == ID


@_STORES
def test_who_built_cannot_approve_under_another_id(place: Place, make: Callable[..., Path]) -> None:
    """The same Ed25519 key with a new id, even where it was named as an approver."""
    disguised = SecretKey(b"b" * 32, b"disguise")
    asked = rules(promotion="approved", approvers=(disguised.public,))
    send(place, make(), asked)
    with pytest.raises(ReleaseError, match="E436"):
        approve(place, disguised)
    put_approval(place, disguised, read(place, f"{staging(place)}SHA256SUMS"))
    assert refused(place, asked) == "E435"
    same_id = PublicKey(BUILDER.public.id, HEAD.public.key)
    assert refused(place, rules(promotion="approved", approvers=(same_id,))) == "E435"


@_STORES
def test_an_approval_is_of_these_bytes(place: Place, make: Callable[..., Path]) -> None:
    asked = rules(promotion="approved")
    send(place, make(), asked)
    send(place, make("2026-04-30"), asked)
    approve(place, HEAD, "2026-04-30")
    other = read(place, f".approvals/2026-04-30/{HEAD.public.key_id}.minisig")
    put(place, f".approvals/{ID}/{HEAD.public.key_id}.minisig", other)
    assert refused(place, asked) == "E435"
    signed = HEAD.sign(read(place, f"{staging(place)}SHA256SUMS"), "release:2026-03-31")
    put(place, f".approvals/{ID}/another.minisig", signed)  # signed, not approved
    put(place, f".approvals/{ID}/broken.minisig", b"approved!\n")
    assert refused(place, asked) == "E435"


@_STORES
def test_what_is_not_signed_cannot_be_approved(place: Place, make: Callable[..., Path]) -> None:
    asked = rules(promotion="approved")
    send(place, make(), asked, Seal(NOW))
    with pytest.raises(ReleaseError, match="E433"):
        approve(place, HEAD)
    with pytest.raises(ReleaseError, match="E437"):
        approve(place, HEAD, "2026-09-30")


@_STORES
def test_what_is_staged_is_proven_before_it_is_promoted(
    place: Place, make: Callable[..., Path]
) -> None:
    send(place, make(), rules(not_before=NOW + timedelta(days=1)))
    put(place, f"{staging(place)}ledger.json", b"[]\n")
    with pytest.raises(ReleaseError, match="E505"):
        promote(place, rules())
    place.store().delete(f"{staging(place)}ledger.json")
    assert refused(place, rules()) == "E614"
    assert current(place) is None


@_STORES
def test_moves_that_are_refused(place: Place, make: Callable[..., Path]) -> None:
    with pytest.raises(ReleaseError, match="E444"):
        moves.read_index(place.store())
    for release in ("2026-03-31", "2026-04-30", "2026-05-31"):
        publish(make(release), place.uri, verify=lambda _: None, seal=SEAL)
    store = open_store(place.uri)

    def codes(plan: moves.Plan) -> str:
        with pytest.raises(ReleaseError) as caught:
            plan(store)
        return caught.value.problem.code

    for text in ("", "  ", "a\x07b", "x" * 2001):
        with pytest.raises(ReleaseError, match="E442"):
            moves.notice(ID, text, NOW)
    assert codes(moves.notice("2020-01-01", "x", NOW)) == "E438"
    assert codes(moves.promotion("2020-01-01", rules())) == "E437"
    carry(place, moves.rollback("2026-04-30"))
    assert current(place) == "2026-04-30"
    assert codes(moves.rollback("2026-05-31")) == "E439"
    assert moves.pruning(1, "x", NOW)(store).after.current is not None  # never the current one
    carry(place, moves.pruning(2, "Only two are kept.", NOW))
    assert codes(moves.rollback(ID)) == "E439"
    assert codes(moves.promotion(ID, rules())) == "E439"
    stub = json.loads(read(place, f"{ID}/gone.json"))
    assert (stub["status"], stub["why"]) == ("pruned", "Only two are kept.")
    assert stub["instead"] == "2026-04-30"
    assert [i.path for i in store.list(f"{ID}/")] == [f"{ID}/gone.json"]
    promote(place, rules(), "2026-05-31")  # and back again
    assert current(place) == "2026-05-31"


@_STORES
def test_notices_reach_old_releases(place: Place, make: Callable[..., Path]) -> None:
    for release in (ID, "2026-04-30"):
        publish(make(release), place.uri, verify=lambda _: None, seal=SEAL)
    for text in ("Leeds is missing.", "Leeds is missing.", "Corrected on 5 May."):
        carry(place, moves.notice(ID, text, NOW))
    told = [{"time": "2026-04-01T13:00:00Z", "text": t} for t in
            ("Leeds is missing.", "Corrected on 5 May.")]  # fmt: skip
    index = json.loads(read(place, "releases.json"))
    assert [entry["notices"] for entry in index["releases"]] == [[], told]
    shown = json.loads(read(place, "notices.json"))
    assert shown["notices"] == [{"release": ID, **each} for each in told]
    assert (shown["version"], shown["expires"]) == (index["version"], index["expires"])


@_STORES
def test_what_becomes_public_stands_in_the_operations_log(
    place: Place, make: Callable[..., Path], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    send(place, make(), rules(not_before=NOW + timedelta(days=1)))
    promote(place, rules(), record=logged(state))
    with pytest.raises(ReleaseError), logged(state)("rollback", {"release": "x"}):
        raise ReleaseError("E444", uri="x")
    lines = [json.loads(line) for line in (state / "operations.jsonl").read_text().splitlines()]
    assert [(line["action"], line["outcome"]) for line in lines] == [
        ("promote", "begun"),
        ("promote", "done"),
        ("rollback", "begun"),
        ("rollback", "failed E444"),
    ]
    assert (lines[0]["release"], lines[0]["key"]) == (ID, BUILDER.public.key_id)
    assert (state / "operations.jsonl").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def carry(place: Place, plan: moves.Plan) -> None:
    moves.carry_out(open_store(place.uri), plan, SEAL, lambda *_: nullcontext(), Silent())


def staging(place: Place) -> str:
    return place.store().staging(ID)


def read(place: Place, path: str) -> bytes:
    found = place.store().read(path)
    assert found is not None, path
    return found[0]


def put(place: Place, path: str, data: bytes) -> None:
    from epc_release.release.publish import headers

    store = place.store()
    store.prepare()
    stored = store.read(path)
    version = stored[1] if stored else None
    store.replace(path, data, headers=headers.of_pointer(path), expected=version)


def put_approval(place: Place, key: SecretKey, sums: bytes) -> None:
    comment = f"approves release:{ID} register:epc policy:address-level at:now by:me"
    path = f".approvals/{ID}/{key.public.key_id}.minisig"
    put(place, path, key.sign(sums, comment))
