"""A release that was really built, by the command line: published, verified, built from a store."""

from __future__ import annotations

import base64
import hashlib
import json
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


def test_build_publishes_too(place: Place, extract: Callable[..., Path], tmp_path: Path) -> None:
    source = extract()
    settings = flags(tmp_path, source, source / "suppressions.csv", "deidentified")
    assert main(["build", *settings, "--to", place.uri, "--allow-synthetic"]) == 0
    there = {p: d for p, d in stored(place.uri).items() if p.startswith("first/")}
    assert there == local(tmp_path / "out" / "first")
    assert main(["verify", f"{place.uri}/first"]) == 0


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
