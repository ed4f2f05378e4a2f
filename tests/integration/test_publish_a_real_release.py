"""A release that was really built, by the command line: published, verified, built from a store."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.release.cli import main
from epc_release.release.publish.target import open_store
from epc_release.release.source import s3 as source_s3

if TYPE_CHECKING:
    from tests.integration.conftest import Place

KEY = base64.b64encode(hashlib.sha256(b"a key for tests only").digest()).decode()
CELL_KEY = base64.b64encode(hashlib.sha256(b"a key for tables only").digest()).decode()
BUCKET = "open-data"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # the state is beside where one stands
    monkeypatch.setenv("EPC_RELEASE_KEY", KEY)
    monkeypatch.setenv("EPC_RELEASE_CELL_KEY", CELL_KEY)


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``extract(format)``: a small synthetic extract, as the command line makes it."""
    home = tmp_path_factory.mktemp("extracts")

    def make(form: str = "csv") -> Path:
        folder = home / form
        if not folder.exists():
            options = ("--rows", "250", "--seed", "5", "--format", form)
            assert main(["synth", str(folder), *options]) == 0
        return folder

    return make


def flags(home: Path, source: Path | str, suppressions: Path, policy: str) -> list[str]:
    """A build's settings, each place of its own under ``home``."""
    return [
        *("--source", str(source), "--suppressions", str(suppressions), "--policy", policy),
        *("--release", "first", "--jobs", "1", "--executor", "serial"),
        *(part for name in ("out", "state") for part in (f"--{name}", str(home / name))),
    ]


@pytest.fixture(scope="session")
def built(
    extract: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """``built(policy)``: the folder of a release under that policy."""
    home = tmp_path_factory.mktemp("built")

    def make(policy: str) -> Path:
        if not (home / policy).exists():
            source = extract()
            settings = flags(home / policy, source, source / "suppressions.csv", policy)
            assert main(["build", *settings]) == 0
        return home / policy / "out" / "first"

    return make


def stored(uri: str) -> dict[str, bytes]:
    store = open_store(uri)
    found = {}
    for info in store.list():
        with store.open(info.path) as stream:
            found[info.path] = stream.read()
    return found


def local(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f"first/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in files}


def go_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Into a store a person promotes the first release."""
    told = capsys.readouterr().out
    assert ("not public yet" in told) is (place.kind != "folder")
    if place.kind != "folder":
        assert "nobody approved policy" in told
        assert "the first release there" in told
        assert "latest.json" not in stored(place.uri)
        assert main(["promote", "first", "--to", place.uri, "--yes"]) == 0


def test_a_release_is_published_and_verified_as_a_reader_would(
    place: Place, built: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    release = built("deidentified")
    publish = ["publish", str(release), "--to", place.uri, "--allow-synthetic"]
    assert main([*publish, "--dry-run"]) == 0
    assert place.kind != "folder" or not Path(place.uri).exists()
    assert main(publish) == 0
    go_on(place, capsys)

    first = stored(place.uri)
    assert {p: d for p, d in first.items() if p.startswith("first/")} == local(release)
    assert json.loads(first["latest.json"])["id"] == "first"
    assert [r["id"] for r in json.loads(first["releases.json"])["releases"]] == ["first"]

    capsys.readouterr()
    assert main(["verify", f"{place.uri}/first", "--deep", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    ledger = json.loads((release / "ledger.json").read_text("utf-8"))
    assert told["rows"] == sum(t["published"] for t in ledger["tables"].values())

    assert main(publish) == 0
    assert "unchanged" in capsys.readouterr().out
    assert stored(place.uri) == first

    other = ["publish", str(built("address-level")), "--to", place.uri, "--allow-synthetic"]
    assert main(other) == 6
    assert "Traceback" not in capsys.readouterr().err
    assert stored(place.uri) == first


def test_what_a_store_has_lost_is_noticed(
    place: Place, built: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    release = built("deidentified")
    assert main(["publish", str(release), "--to", place.uri, "--allow-synthetic"]) == 0
    go_on(place, capsys)
    lost = next(p for p in sorted(local(release)) if p.endswith(".parquet"))
    open_store(place.uri).delete(lost)
    capsys.readouterr()
    assert main(["verify", f"{place.uri}/first"]) == 7
    told = capsys.readouterr()
    assert lost.removeprefix("first/") in told.out + told.err


def test_synthetic_is_not_published_to_a_store_unasked(
    s3_place: Place, built: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    release = built("deidentified")
    assert main(["publish", str(release), "--to", s3_place.uri]) == 2
    assert "--allow-synthetic" in capsys.readouterr().err
    assert stored(s3_place.uri) == {}


def test_build_publishes_too(
    place: Place,
    extract: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = extract()
    settings = flags(tmp_path, source, source / "suppressions.csv", "deidentified")
    assert main(["build", *settings, "--to", place.uri, "--allow-synthetic"]) == 0
    go_on(place, capsys)
    there = {p: d for p, d in stored(place.uri).items() if p.startswith("first/")}
    assert there == local(tmp_path / "out" / "first")
    assert main(["verify", f"{place.uri}/first"]) == 0


@pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)
def test_two_people_a_signature_and_a_way_back(
    place: Place,
    built: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Every command of a signed place, as two people and a reader use them."""

    def told(*command: str, code: int = 0, key: str | None = None) -> str:
        with monkeypatch.context() as patch:
            if key is not None:
                patch.setenv("EPC_RELEASE_SIGNING_KEY_FILE", f"{key}.key")
            assert main(list(command)) == code
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return shown.out + shown.err

    for name in ("builder", "head"):
        assert "RW" in told("keygen", f"{name}.key")
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o777 == 0o600
    assert "E109" in told("keygen", "head.key", code=2)
    Path("release.toml").write_text(
        f'to = "{place.uri}"\npromotion = "approved"\napprovers = ["head.key.pub"]\n'
        "allow_synthetic = true\n"
    )
    release = tmp_path / "out" / "first"
    shutil.copytree(built("deidentified"), release)
    trust = ("--public-key", "builder.key.pub")
    assert "E720" in told("verify", str(release), *trust, code=7)
    assert "nobody has approved" in told("publish", str(release), key="builder")
    assert "E435" in told("promote", "first", "--yes", code=2, key="builder")
    assert "E436" in told("approve", "first", "--by", "Me", code=2, key="builder")
    assert "E433" in told("approve", "first", "--by", "Nobody", code=2)
    assert "Approved by The head" in told("approve", "first", "--by", "The head", key="head")
    assert "E440" in told("promote", "first", code=2, key="builder")
    assert "Would be done" in told("promote", "first", "--dry-run", key="builder")
    assert "first becomes public" in told("promote", "first", "--yes", key="builder")

    uri = f"{place.uri}/first"
    remember = (*trust, "--seen", "seen.json")
    assert "Signed with key" in told("verify", uri, *remember, "--deep")
    assert "Signed with key" in told("verify", str(release), *trust)
    assert "E721" in told("verify", uri, "--public-key", "head.key.pub", code=7)
    assert "E441" in told("verify", uri, "--public-key", "nobody.pub", code=2)
    assert "proves integrity, not origin" in told("verify", uri)
    assert "E726" in told("verify", uri, *trust, "--not-older-than", "2999-01-01T00:00Z", code=7)

    assert "E431" in told("notice", "first", "Late.", "--yes", code=2)
    told("notice", "first", "Leeds is missing.", "--yes", key="builder")
    shown = told("releases", "--at", place.uri)
    assert "current" in shown
    assert "Leeds is missing." in shown
    assert json.loads(told("releases", "--json"))["version"] == 2
    assert "Kept: first" in told("prune", "--keep", "1", "--yes", key="builder")
    assert "Current release: first" in told("rollback", "first", "--yes", key="builder")
    assert "Signed with key" in told("verify", place.uri, *remember)
    Path("seen.json").write_text(json.dumps({place.uri: 9}))
    assert "E725" in told("verify", place.uri, *remember, code=7)

    log = Path("epc-release-state/operations.jsonl").read_text().splitlines()
    done = [line["action"] for line in map(json.loads, log) if line["outcome"] == "done"]
    assert done == ["approve", "promote", "notice", "prune", "rollback"]


def test_a_build_signs_and_its_bytes_stay_the_same(
    built: Callable[[str], Path],
    extract: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["keygen", "signing.key"]) == 0
    monkeypatch.setenv("EPC_RELEASE_SIGNING_KEY_FILE", "signing.key")
    source = extract()
    settings = flags(tmp_path, source, source / "suppressions.csv", "deidentified")
    assert main(["build", *settings]) == 0
    signed, unsigned = local(tmp_path / "out" / "first"), local(built("deidentified"))
    assert set(signed) - set(unsigned) == {"first/SHA256SUMS.minisig"}
    assert {path: signed[path] for path in unsigned} == unsigned
    out = tmp_path / "out" / "first"
    assert main(["verify", str(out), "--public-key", "signing.key.pub"]) == 0
    assert main(["leaks", str(out), "--state", str(tmp_path / "state")]) == 0
    monkeypatch.setenv("EPC_RELEASE_SIGNING_KEY_FILE", "signing.key.pub")
    assert main(["build", *settings]) == 2


@pytest.fixture
def upload(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """``upload(folder)``: its files in the bucket, and the URI of the place."""
    server = s3_place.server
    assert server is not None
    for name, value in {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing-testing-testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    source_s3._client.cache_clear()
    client: Any = server.client()
    prefix = s3_place.uri.removeprefix(f"s3://{BUCKET}/") + "/extract/"

    def put(folder: Path) -> str:
        for path in folder.glob("*.*"):
            client.put_object(Bucket=BUCKET, Key=prefix + path.name, Body=path.read_bytes())
        return f"s3://{BUCKET}/{prefix}"

    yield put
    source_s3._client.cache_clear()


@pytest.mark.parametrize("form", ["csv", "zip", "parquet"])
def test_an_extract_in_a_store_gives_the_same_bytes(
    built: Callable[[str], Path],
    extract: Callable[..., Path],
    upload: Callable[[Path], str],
    tmp_path: Path,
    form: str,
) -> None:
    source = extract(form)
    settings = flags(tmp_path, upload(source), source / "suppressions.csv", "deidentified")
    assert main(["build", *settings]) == 0
    assert local(tmp_path / "out" / "first") == local(built("deidentified"))


def test_an_extract_that_is_not_what_its_control_file_says_is_refused(
    extract: Callable[..., Path], upload: Callable[[Path], str], tmp_path: Path
) -> None:
    source, changed = extract(), tmp_path / "changed"
    changed.mkdir()
    for path in source.glob("*.*"):
        (changed / path.name).write_bytes(path.read_bytes())
    with (changed / "domestic-recommendations.csv").open("ab") as file:
        file.write(b"\r\n")
    settings = flags(tmp_path, upload(changed), source / "suppressions.csv", "deidentified")
    assert main(["build", *settings]) == 2
    assert not (tmp_path / "out").exists()
